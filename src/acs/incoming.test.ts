import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerWebhookHandshake } from './handshake.js';
import { kindOfRawId, readParty, toSdkIdentifier } from './identifiers.js';
import { parseIncoming } from './incoming.js';
import { repeatabilityIdFor } from './repeatability.js';

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));
const data = {
  to: { kind: 'communicationUser', rawId: '8:acs:a_b', communicationUser: { id: '8:acs:a_b' } },
  from: { kind: 'phoneNumber', rawId: '4:+15550100', phoneNumber: { value: '+15550100' } },
  serverCallId: 'aHR0cHM6Ly9hcGk',
  callerDisplayName: 'Somebody',
  incomingCallContext: `context.${'x'.repeat(6000)}`,
  correlationId: 'd4f4c1d5-16c5-4f34-9a9e-7d5f7b1f0b3c',
  customContext: { sipHeaders: { userToUser: 'abc' }, voipHeaders: { bad: 7, good: 'yes' } },
};
const gridEvent = {
  id: 'grid-1',
  topic: '/subscriptions/x',
  subject: '/caller/x/recipient/y',
  data,
  eventType: 'Microsoft.Communication.IncomingCall',
  eventTime: '2025-01-02T03:04:05Z',
  dataVersion: '1.0',
};
const expected = {
  eventId: 'grid-1',
  correlationId: data.correlationId,
  serverCallId: 'aHR0cHM6Ly9hcGk',
  incomingCallContext: data.incomingCallContext,
  from: { rawId: '4:+15550100', kind: 'phoneNumber', phoneNumber: '+15550100' },
  to: { rawId: '8:acs:a_b', kind: 'communicationUser' },
  callerDisplayName: 'Somebody',
  customContext: { sipHeaders: { userToUser: 'abc' }, voipHeaders: { good: 'yes' } },
  atMs: Date.UTC(2025, 0, 2, 3, 4, 5),
};

describe('parseIncoming', () => {
  it('reads an IncomingCall in both schemas', () => {
    const notification = { 'aeg-event-type': 'Notification' };
    const cloudEvent = {
      id: 'grid-1',
      source: '/subscriptions/x',
      type: 'Microsoft.Communication.IncomingCall',
      time: '2025-01-02T03:04:05Z',
      specversion: '1.0',
      data,
    };
    for (const body of [[gridEvent], gridEvent, [cloudEvent], cloudEvent]) {
      expect(parseIncoming(notification, bytes(body))).toEqual({
        kind: 'events',
        calls: [expected],
        ignored: 0,
        rejected: [],
      });
    }
  });

  it('answers the validation handshake', () => {
    const body = bytes([
      {
        id: 'v',
        eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent',
        data: { validationCode: 'code-1', validationUrl: 'https://example.test' },
      },
    ]);
    const answer = { kind: 'validation', validationCode: 'code-1' };
    expect(parseIncoming({ 'aeg-event-type': 'SubscriptionValidation' }, body)).toEqual(answer);
    expect(parseIncoming({}, body)).toEqual(answer);
    expect(parseIncoming({ 'aeg-event-type': 'Notification' }, body)).toMatchObject({
      kind: 'events',
      ignored: 1,
    });
  });

  it('keeps the good of a batch and counts the rest', () => {
    const result = parseIncoming(
      {},
      bytes([
        gridEvent,
        { ...gridEvent, eventType: 'Microsoft.Communication.CallStarted' },
        { ...gridEvent, id: 5 },
        { ...gridEvent, data: { ...data, correlationId: '../../x' } },
        { ...gridEvent, data: { ...data, incomingCallContext: 'x'.repeat(70_000) } },
        'text',
        gridEvent,
      ]),
    );
    expect(result).toMatchObject({
      kind: 'events',
      calls: [{ eventId: 'grid-1' }, { eventId: 'grid-1' }],
      ignored: 1,
      rejected: [
        { index: 2, code: 'RTV_ACS_EVENT_NO_ID' },
        { index: 3, code: 'RTV_ACS_EVENT_NO_CALL' },
        { index: 4, code: 'RTV_ACS_EVENT_NO_CONTEXT' },
        { index: 5, code: 'RTV_ACS_EVENT_NOT_AN_OBJECT' },
      ],
    });
  });

  it('is malformed without JSON', () => {
    for (const body of ['', '{', '"x"', '1']) {
      expect(parseIncoming({}, Buffer.from(body))).toEqual({ kind: 'malformed' });
    }
  });

  it('never throws, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.jsonValue(), (raw, json) => {
        parseIncoming({}, raw);
        parseIncoming({}, bytes(json));
        parseIncoming(
          {},
          bytes([
            { ...gridEvent, data: json },
            { ...gridEvent, data: { ...data, from: json } },
          ]),
        );
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the CloudEvents handshake', () => {
  it('allows a host name, with its rate', () => {
    expect(
      answerWebhookHandshake({
        'webhook-request-origin': 'eventgrid.azure.net',
        'webhook-request-rate': '120',
      }),
    ).toEqual({
      status: 200,
      headers: {
        allow: 'POST',
        'webhook-allowed-origin': 'eventgrid.azure.net',
        'webhook-allowed-rate': '120',
      },
    });
  });

  it('refuses others', () => {
    expect(answerWebhookHandshake({}).status).toBe(400);
    expect(answerWebhookHandshake({ 'webhook-request-origin': 'a\r\nset-cookie: x' }).status).toBe(400);
    expect(
      answerWebhookHandshake({ 'webhook-request-origin': 'evil.test' }, ['eventgrid.azure.net']).status,
    ).toBe(403);
    expect(
      answerWebhookHandshake({ 'webhook-request-origin': 'EventGrid.azure.net' }, ['eventgrid.azure.net'])
        .status,
    ).toBe(200);
  });
});

describe('identifiers', () => {
  it.each([
    ['4:+15550100', 'phoneNumber'],
    ['8:acs:a_b', 'communicationUser'],
    ['8:acs:a_b_c', 'teamsExtensionUser'],
    ['8:orgid:abc', 'microsoftTeamsUser'],
    ['8:teamsvisitor:abc', 'microsoftTeamsUser'],
    ['28:orgid:abc', 'microsoftTeamsApp'],
    ['anything', 'unknown'],
  ])('%s is a %s', (rawId, kind) => {
    expect(kindOfRawId(rawId)).toBe(kind);
    expect(readParty({ rawId })).toMatchObject({ rawId, kind });
    expect(Object.values(toSdkIdentifier(rawId))).toContain(rawId);
  });

  it('does not take a withheld number for a number', () => {
    expect(readParty({ rawId: '4:anonymous', phoneNumber: { value: 'anonymous' } })).toEqual({
      rawId: '4:anonymous',
      kind: 'phoneNumber',
    });
  });
});

describe('repeatabilityIdFor', () => {
  it('is a UUID that depends on call and action alone', () => {
    const id = repeatabilityIdFor('corr-1');
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(repeatabilityIdFor('corr-1')).toBe(id);
    expect(repeatabilityIdFor('corr-2')).not.toBe(id);
    expect(repeatabilityIdFor('corr-1', 'reject')).not.toBe(id);
  });
});
