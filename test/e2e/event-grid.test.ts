/**
 * Event Grid that proves itself by tokens of Entra ID, at the door of a running worker: both handshakes, a call that it
 * delivers, and everyone who is not it.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JWTPayload } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Issuer, makeKey, startIssuer } from '../acs/issuer.js';
import { readAll, readText, type StackView, startTestStack, type TestStack } from '../support/stack.js';

const TENANT = '11111111-2222-4333-8444-555555555555';
const AUDIENCE = 'api://rtvoice';
const APP = 'event-grid-app';

let entra: Issuer;
let system: TestStack;
let view: StackView;
const sent: string[] = [];

beforeAll(async () => {
  entra = await startIssuer();
  system = await startTestStack({
    workers: 1,
    env: {
      EVENT_GRID_TENANT_ID: TENANT,
      EVENT_GRID_AUDIENCE: AUDIENCE,
      EVENT_GRID_APP_IDS: APP,
      EVENT_GRID_AUTHORITY: `${entra.issuer}/`,
    },
  });
  view = system.view;
});
afterAll(async () => {
  await system?.remove();
  await entra?.close();
});

const now = (): number => Math.floor(Date.now() / 1000);
const claims = (more: JWTPayload = {}): JWTPayload => ({
  iss: `${entra.issuer}/${TENANT}/v2.0`,
  aud: AUDIENCE,
  azp: APP,
  iat: now(),
  nbf: now(),
  exp: now() + 3_600,
  ...more,
});
const token = async (more: JWTPayload = {}): Promise<string> => entra.sign(claims(more));

async function post(body: unknown, bearer?: string, headers: Readonly<Record<string, string>> = {}) {
  if (bearer !== undefined) sent.push(bearer);
  const answer = await fetch(`${view.info.workers[0]?.url}/acs/incoming`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      ...headers,
    },
    body: JSON.stringify(body),
  });
  return { status: answer.status, json: (await answer.json()) as Record<string, unknown> };
}

describe('the handshakes', () => {
  it('of Event Grid is answered to Event Grid', async () => {
    const event = {
      id: '1',
      eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent',
      data: { validationCode: 'code-512' },
    };
    const headers = { 'aeg-event-type': 'SubscriptionValidation' };
    expect(await post([event], await token(), headers)).toEqual({
      status: 200,
      json: { validationResponse: 'code-512' },
    });
    expect((await post([event], undefined, headers)).status).toBe(401);
  });

  it('of CloudEvents is answered to whoever asks: it gives nothing away', async () => {
    const answer = await fetch(`${view.info.workers[0]?.url}/acs/incoming`, {
      method: 'OPTIONS',
      headers: { 'webhook-request-origin': 'eventgrid.azure.net' },
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('webhook-allowed-origin')).toBe('eventgrid.azure.net');
    expect(answer.headers.get('allow')).toContain('POST');
  });
});

describe('who is not Event Grid', () => {
  it.each<[string, () => Promise<string | undefined>, string]>([
    ['has no token', async () => undefined, 'RTV_AUTH_MISSING'],
    ['has one for another audience', () => token({ aud: 'api://other' }), 'RTV_AUTH_AUDIENCE'],
    ['is of another tenant', () => token({ iss: `${entra.issuer}/other/v2.0` }), 'RTV_AUTH_ISSUER'],
    ['is another application', () => token({ azp: 'other-app' }), 'RTV_AUTH_CLAIM'],
    ['comes too late', () => token({ exp: now() - 600 }), 'RTV_AUTH_EXPIRED'],
    [
      'signed it with a key of its own',
      async () => entra.sign(claims(), { ...(await makeKey('mine')), kid: 'key-1' }),
      'RTV_AUTH_SIGNATURE',
    ],
    [
      'signed it with a key that nobody has',
      async () => entra.sign(claims(), await makeKey('none')),
      'RTV_AUTH_KEY_UNKNOWN',
    ],
  ])('%s: refused and counted', async (_what, make, code) => {
    const counted = () => view.metric('rtvoice_security_events_total', { code, door: 'incoming' });
    const before = await counted();
    expect(await post([], await make())).toMatchObject({ status: 401, json: { code } });
    expect(await counted()).toBe(before + 1);
  });
});

describe('a call that Event Grid delivers', () => {
  let gateway: Server;
  const bearers: string[] = [];
  beforeAll(async () => {
    // Adds the token to what the simulator posts, as Event Grid would.
    gateway = createServer((request, response) => {
      void (async () => {
        const body = await readAll(request);
        const bearer = bearers[0] ?? '';
        const answer = await fetch(`${view.info.workers[0]?.url}/acs/incoming`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', authorization: `Bearer ${bearer}` },
          body,
        });
        response.writeHead(answer.status).end(await answer.text());
      })();
    });
    await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => gateway?.close());

  it('is answered, and one token serves many deliveries', async () => {
    bearers.push(await token());
    sent.push(...bearers);
    const { port } = gateway.address() as AddressInfo;
    for (let call = 0; call < 2; call += 1) {
      const result = await view.place({
        incomingUrl: `http://127.0.0.1:${port}/`,
        script: [{ say: 'My name is Alice Brown.' }, { hangUp: true }],
        latency: 'none',
      });
      expect(result).toMatchObject({ outcome: 'completed', incomingAttempts: 1 });
    }
  });
});

describe('after all that', () => {
  it('no log holds a token', async () => {
    const logs = await readText(`${view.info.logsDir}/worker-1.log`);
    expect(logs).toContain('refused at the door');
    for (const secret of sent) expect(logs.includes(secret)).toBe(false);
  });
});
