import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_EVENTS_PER_BODY, parseCallbacks } from './callbacks.js';
import {
  FAILED_SOURCE_FACT_TYPES,
  INVITATION_FACT_TYPES,
  MEDIA_STREAMING_FACT_TYPES,
  PARTICIPANT_FACT_TYPES,
  PLAIN_FACT_TYPES,
  RECORDING_FACT_TYPES,
  TRANSCRIPTION_FACT_TYPES,
} from './facts.js';

const CALL = '421f0b00-cRD6-4RDc-a078-99dRANDOMf';
const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

function event(type: string, data: Record<string, unknown> = {}, id = 'event-1'): Record<string, unknown> {
  return {
    id,
    source: `calling/callConnections/${CALL}`,
    type: `Microsoft.Communication.${type}`,
    data: {
      version: '2026-03-12',
      operationContext: 'op-1',
      resultInformation: { code: 200, subCode: 0, message: '' },
      callConnectionId: CALL,
      serverCallId: 'aHR0cHM6Ly9hcGk=',
      correlationId: 'd4f4c1d5-16c5',
      publicEventType: `Microsoft.Communication.${type}`,
      ...data,
    },
    time: '2025-01-02T03:04:05.678Z',
    specversion: '1.0',
    datacontenttype: 'application/json',
    subject: `calling/callConnections/${CALL}`,
  };
}

function only(body: unknown) {
  const parsed = parseCallbacks(bytes(body));
  if (parsed.malformed) throw new Error('malformed');
  expect(parsed.rejected).toEqual([]);
  expect(parsed.facts).toHaveLength(1);
  return parsed.facts[0];
}

describe('parseCallbacks', () => {
  it('reads the envelope and the common fields', () => {
    expect(only([event('CallConnected')])).toEqual({
      id: 'event-1',
      type: 'CallConnected',
      rawType: 'Microsoft.Communication.CallConnected',
      callConnectionId: CALL,
      correlationId: 'd4f4c1d5-16c5',
      serverCallId: 'aHR0cHM6Ly9hcGk=',
      operationContext: 'op-1',
      atMs: Date.UTC(2025, 0, 2, 3, 4, 5, 678),
      result: { code: 200, subCode: 0, message: '' },
    });
  });

  it('takes a single event that is no array', () => {
    expect(only(event('CallDisconnected'))).toMatchObject({ type: 'CallDisconnected' });
  });

  it.each([
    ...PLAIN_FACT_TYPES,
    ...PARTICIPANT_FACT_TYPES,
    ...INVITATION_FACT_TYPES,
    ...FAILED_SOURCE_FACT_TYPES,
    ...MEDIA_STREAMING_FACT_TYPES,
    ...TRANSCRIPTION_FACT_TYPES,
    ...RECORDING_FACT_TYPES,
    'ParticipantsUpdated',
    'CallTransferAccepted',
    'RecognizeCompleted',
    'ContinuousDtmfRecognitionToneReceived',
  ])('knows %s', (type) => {
    expect(only([event(type)])).toMatchObject({ type, callConnectionId: CALL });
  });

  it('reads participants in both kinds', () => {
    const fact = only([
      event('ParticipantsUpdated', {
        sequenceNumber: 3,
        participants: [
          {
            identifier: { kind: 'phoneNumber', rawId: '4:+15550100', phoneNumber: { value: '+15550100' } },
            isMuted: false,
          },
          { identifier: { rawId: '8:acs:a_b', communicationUser: { id: '8:acs:a_b' } }, isOnHold: true },
          { identifier: {} },
          null,
        ],
      }),
    ]);
    expect(fact).toMatchObject({
      sequenceNumber: 3,
      participants: [
        {
          rawId: '4:+15550100',
          kind: 'phoneNumber',
          phoneNumber: '+15550100',
          isMuted: false,
          isOnHold: false,
        },
        { rawId: '8:acs:a_b', kind: 'communicationUser', isMuted: false, isOnHold: true },
      ],
    });
  });

  it('reads tone, media, transcription, recording and recognition', () => {
    expect(
      only([event('ContinuousDtmfRecognitionToneReceived', { tone: 'Pound', sequenceId: 7 })]),
    ).toMatchObject({ tone: 'pound', sequenceId: 7 });
    expect(
      only([
        event('MediaStreamingFailed', {
          resultInformation: { code: 400, subCode: 8581, message: 'Transport url is not valid' },
          mediaStreamingUpdate: {
            contentType: 'Audio',
            mediaStreamingStatus: 'mediaStreamingFailed',
            mediaStreamingStatusDetails: 'transportUrlInvalid',
          },
        }),
      ]),
    ).toMatchObject({
      result: { code: 400, subCode: 8581 },
      mediaStreamingUpdate: {
        contentType: 'Audio',
        status: 'mediaStreamingFailed',
        details: 'transportUrlInvalid',
      },
    });
    expect(
      only([
        event('TranscriptionUpdated', {
          transcriptionUpdate: { transcriptionStatus: 'transcriptionUpdated' },
        }),
      ]),
    ).toMatchObject({ transcriptionUpdate: { status: 'transcriptionUpdated' } });
    expect(
      only([
        event('RecordingStateChanged', {
          recordingId: 'rec',
          state: 'Active',
          startDateTime: '2025-01-02T03:04:05Z',
        }),
      ]),
    ).toMatchObject({
      recordingId: 'rec',
      recordingState: 'active',
      startedAtMs: Date.UTC(2025, 0, 2, 3, 4, 5),
    });
    expect(
      only([
        event('RecognizeCompleted', {
          recognitionType: 'dtmf',
          dtmfResult: { tones: ['one', 'Two', 3] },
        }),
      ]),
    ).toMatchObject({ recognition: { kind: 'dtmf', tones: ['one', 'two'] } });
  });

  it('keeps an unknown type as an opaque fact', () => {
    expect(only([event('SomethingNew', { secret: 1 })])).toEqual(
      expect.objectContaining({ type: 'Unknown', rawType: 'Microsoft.Communication.SomethingNew' }),
    );
  });

  it('keeps the good of a batch, in order, with its duplicates', () => {
    const parsed = parseCallbacks(
      bytes([
        event('ParticipantsUpdated', {}, 'a'),
        7,
        { ...event('CallConnected', {}, 'b'), id: undefined },
        event('CallConnected', {}, 'b'),
        event('CallConnected', {}, 'b'),
        { id: 'c', type: 'Microsoft.Communication.CallConnected', data: {} },
        { id: 'd', data: { callConnectionId: CALL } },
      ]),
    );
    if (parsed.malformed) throw new Error('malformed');
    expect(parsed.facts.map((fact) => fact.id)).toEqual(['a', 'b', 'b']);
    expect(parsed.rejected).toEqual([
      { index: 1, code: 'RTV_ACS_EVENT_NOT_AN_OBJECT' },
      { index: 2, code: 'RTV_ACS_EVENT_NO_ID' },
      { index: 5, code: 'RTV_ACS_EVENT_NO_CALL' },
      { index: 6, code: 'RTV_ACS_EVENT_NO_TYPE' },
    ]);
  });

  it('finds the call in subject or source, and refuses ids that are no ids', () => {
    expect(only([event('CallConnected', { callConnectionId: undefined })])).toMatchObject({
      callConnectionId: CALL,
    });
    for (const id of ['../x', 'a b', 'a:b', 'x'.repeat(129), '{x}']) {
      const bad = { ...event('CallConnected', { callConnectionId: id }), subject: id, source: id };
      expect(parseCallbacks(bytes([bad]))).toMatchObject({
        facts: [],
        rejected: [{ index: 0, code: 'RTV_ACS_EVENT_NO_CALL' }],
      });
    }
  });

  it('leaves out what is too long, cuts prose, bounds lists and batches', () => {
    const fact = only([
      event('CallConnected', {
        operationContext: 'x'.repeat(5001),
        resultInformation: { code: '400', subCode: '8581', message: 'm'.repeat(9999) },
      }),
    ]);
    expect(fact).not.toHaveProperty('operationContext');
    expect(fact?.result).toEqual({ code: 400, subCode: 8581, message: 'm'.repeat(512) });
    const many = Array.from({ length: MAX_EVENTS_PER_BODY + 5 }, (_, index) =>
      event('CallConnected', {}, `e${index}`),
    );
    const parsed = parseCallbacks(bytes(many));
    expect(parsed).toMatchObject({
      rejected: [{ index: MAX_EVENTS_PER_BODY, code: 'RTV_ACS_EVENT_BATCH_FULL' }],
    });
    if (!parsed.malformed) expect(parsed.facts).toHaveLength(MAX_EVENTS_PER_BODY);
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['no JSON', Buffer.from('[{')],
    ['no UTF-8', Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d])],
    ['a number', Buffer.from('7')],
    ['null', Buffer.from('null')],
    ['deep nesting', Buffer.from(`${'['.repeat(200_000)}`)],
  ])('%s is malformed', (_name, body) => {
    expect(parseCallbacks(body)).toEqual({ malformed: true });
  });

  it('never throws, whatever bytes or JSON come', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (body) => {
        parseCallbacks(body);
      }),
      { numRuns: 2000 },
    );
    const type = fc.constantFrom(
      ...PLAIN_FACT_TYPES,
      ...RECORDING_FACT_TYPES,
      ...MEDIA_STREAMING_FACT_TYPES,
      'ParticipantsUpdated',
      'RecognizeCompleted',
      'CallTransferAccepted',
      'Other',
    );
    const keys = [
      'participants',
      'resultInformation',
      'mediaStreamingUpdate',
      'dtmfResult',
      'choiceResult',
      'transferee',
      'state',
      'tone',
      '__proto__',
      'constructor',
    ];
    const data = fc.dictionary(fc.constantFrom(...keys), fc.jsonValue({ maxDepth: 4 }));
    fc.assert(
      fc.property(fc.array(fc.tuple(type, data, fc.jsonValue()), { maxLength: 5 }), (parts) => {
        const body = parts.flatMap(([name, fields, junk]) => [event(name, fields), junk]);
        const parsed = parseCallbacks(bytes(body));
        if (parsed.malformed) throw new Error('an array of JSON is not malformed');
        expect(parsed.facts.length + parsed.rejected.length).toBe(body.length);
        expect(parsed.facts.length).toBeGreaterThanOrEqual(parts.length);
      }),
      { numRuns: 2000 },
    );
  });

  it('keeps each id of a batch, duplicates too', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1, maxLength: 40 }), { maxLength: 20 }), (ids) => {
        const parsed = parseCallbacks(bytes(ids.map((id) => event('CallConnected', {}, id))));
        if (parsed.malformed) throw new Error('malformed');
        expect(parsed.facts.map((fact) => fact.id)).toEqual(ids);
      }),
    );
  });
});
