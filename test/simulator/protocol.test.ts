import { createHash, createHmac, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TestApp, type TestAppOptions, until } from './app.js';
import { openCall } from './live-call.js';
import { type SimulatorProcess, startSimulatorProcess } from './process.js';

let simulator: SimulatorProcess;
const apps: TestApp[] = [];

beforeAll(async () => {
  simulator = await startSimulatorProcess(['--event-grid-scale', '0.01', '--callback-scale', '0.05']);
});
afterAll(async () => {
  await simulator.stop();
});
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

async function startApp(options: Partial<TestAppOptions> = {}): Promise<TestApp> {
  const app = await new TestApp({
    connectionString: simulator.connectionString,
    replyFrames: 0,
    ...options,
  }).listen();
  apps.push(app);
  return app;
}

interface Signing {
  readonly key?: string;
  readonly date?: string;
  readonly signedBody?: string;
  readonly headers?: Record<string, string>;
  readonly unsigned?: boolean;
}

/** A request signed by hand, with whatever is to be wrong about it. */
async function send(method: string, path: string, body: string | undefined, signing: Signing = {}) {
  const url = new URL(path, simulator.url);
  const date = signing.date ?? new Date().toUTCString();
  const hash = createHash('sha256')
    .update(signing.signedBody ?? body ?? '')
    .digest('base64');
  const text = `${method}\n${url.pathname}${url.search}\n${date};${url.host};${hash}`;
  const signature = createHmac('sha256', Buffer.from(signing.key ?? simulator.accessKey, 'base64'))
    .update(text)
    .digest('base64');
  const response = await fetch(url, {
    method,
    ...(body === undefined ? {} : { body }),
    headers: {
      'content-type': 'application/json',
      'x-ms-date': date,
      'x-ms-content-sha256': hash,
      ...(signing.unsigned
        ? {}
        : {
            authorization: `HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=${signature}`,
          }),
      ...signing.headers,
    },
  });
  const answer = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: answer === '' ? {} : JSON.parse(answer),
  };
}

const VERSION = 'api-version=2026-03-12';
const ONE = `/calling/callConnections/${randomUUID()}?${VERSION}`;
const ANSWER = `/calling/callConnections:answer?${VERSION}`;

describe('authentication', () => {
  it('takes a signed request', async () => {
    expect(await send('GET', ONE, undefined)).toMatchObject({
      status: 404,
      body: { error: { code: '8522', message: 'Call not found.' } },
    });
  });

  it.each([
    ['no signature', { unsigned: true }, 'RTV_SIM_HMAC_MISSING'],
    ['another key', { key: Buffer.alloc(32, 7).toString('base64') }, 'RTV_SIM_HMAC_SIGNATURE'],
    ['an old date', { date: new Date(Date.now() - 3_600_000).toUTCString() }, 'RTV_SIM_HMAC_DATE'],
    ['another body', { signedBody: '{"other":1}' }, 'RTV_SIM_HMAC_CONTENT'],
    ['a bearer token', { headers: { authorization: 'Bearer x' } }, 'RTV_SIM_HMAC_MISSING'],
  ] as const)('refuses %s', async (_name, signing, inner) => {
    expect(await send('POST', ANSWER, '{}', signing)).toMatchObject({
      status: 401,
      body: { error: { code: 'Denied', innererror: { code: inner } } },
    });
  });

  it('covers the query with the signature', async () => {
    const url = new URL(ONE, simulator.url);
    const date = new Date().toUTCString();
    const hash = createHash('sha256').update('').digest('base64');
    const signature = createHmac('sha256', Buffer.from(simulator.accessKey, 'base64'))
      .update(`GET\n${url.pathname}\n${date};${url.host};${hash}`)
      .digest('base64');
    const headers = {
      'x-ms-date': date,
      'x-ms-content-sha256': hash,
      authorization: `HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=${signature}`,
    };
    expect((await fetch(url, { headers })).status).toBe(401);
  });
});

describe('requests', () => {
  it.each([
    ['no api-version', 'GET', `/calling/callConnections/x`, undefined, 400, 'MissingApiVersionParameter'],
    ['an unknown path', 'GET', `/calling/nothing?${VERSION}`, undefined, 404, 'NotFound'],
    ['a wrong method', 'DELETE', ANSWER, undefined, 405, 'MethodNotAllowed'],
    ['malformed JSON', 'POST', ANSWER, '{"incomingCallContext":', 400, '8500'],
    ['a missing field', 'POST', ANSWER, '{"incomingCallContext":"x"}', 400, '8500'],
    ['a body over the limit', 'POST', ANSWER, `"${'x'.repeat(1_100_000)}"`, 413, 'RequestTooLarge'],
  ] as const)('are refused with %s', async (_name, method, path, body, status, code) => {
    expect(await send(method, path, body)).toMatchObject({ status, body: { error: { code } } });
  });

  it('take enum values in any case, and name a wrong one', async () => {
    const app = await startApp();
    const body = (format: string): string =>
      JSON.stringify({
        incomingCallContext: 'unknown',
        callbackUri: `${app.url}/callbacks`,
        mediaStreamingOptions: {
          transportType: 'WEBSOCKET',
          transportUrl: `${app.wsUrl}/media`,
          contentType: 'Audio',
          audioChannelType: 'Mixed',
          audioFormat: format,
        },
      });
    expect((await send('POST', ANSWER, body('PCM24kMono'))).body.error.code).toBe('8522');
    const wrong = await send('POST', ANSWER, body('Pcm8KMono'));
    expect(wrong).toMatchObject({ status: 400, body: { error: { code: '8500' } } });
    expect(wrong.body.error.message).toContain('audioFormat');
  });

  it('take effect once when they are repeated, also at the same time', async () => {
    const app = await startApp();
    const call = await openCall(simulator, app);
    const add = `/calling/callConnections/${call.id}/participants:add?${VERSION}`;
    const body = JSON.stringify({ participantToAdd: { phoneNumber: { value: '+15550177' } } });
    const headers = {
      'repeatability-request-id': randomUUID(),
      'repeatability-first-sent': new Date().toUTCString(),
    };
    const answers = await Promise.all([1, 2, 3].map(() => send('POST', add, body, { headers })));
    expect(answers.map((answer) => answer.status)).toEqual([202, 202, 202]);
    expect(new Set(answers.map((answer) => answer.body.invitationId)).size).toBe(1);
    await until('the participant is added', () => app.of('AddParticipantSucceeded').length > 0);
    const again = await send('POST', add, body, { headers });
    expect(again.body.invitationId).toBe(answers[0]?.body.invitationId);
    const fresh = await send('POST', add, body, { headers: { 'repeatability-request-id': randomUUID() } });
    expect(fresh.status).toBe(400);
    await call.end();
    expect(app.of('AddParticipantSucceeded')).toHaveLength(1);
  });
});

describe('deliveries', () => {
  it('of IncomingCall are tried again until one is taken', async () => {
    let attempts = 0;
    const app = await startApp({
      replyFrames: 5,
      onIncoming: async (self, context) => {
        attempts += 1;
        if (attempts < 3) return 503;
        await self.answer(context);
        return 200;
      },
    });
    const result = await simulator.client.placeCall({
      script: [{ say: 'Hello.' }],
      incomingUrl: `${app.url}/incoming`,
    });
    expect(result).toMatchObject({ outcome: 'completed', incomingAttempts: 3 });
    const ids = app.incoming.map((delivery) => JSON.parse(delivery.body)[0].id);
    expect(new Set(ids).size).toBe(1);
    expect(app.incoming.map((delivery) => delivery.headers['aeg-delivery-count'])).toEqual(['0', '1', '2']);
    expect(JSON.parse(app.incoming[0]?.body ?? '[]')[0]).toMatchObject({
      eventType: 'Microsoft.Communication.IncomingCall',
      data: { from: { rawId: '4:+15550100' }, to: { rawId: '4:+15550199' } },
    });
  });

  it('of callbacks are tried again with the same body and token', async () => {
    const app = await startApp();
    const call = await openCall(simulator, app);
    app.status = 500;
    await call.connection.muteParticipant({ phoneNumber: '+15550100' });
    const before = app.of('ParticipantsUpdated').length;
    await until('two more attempts', () => app.of('ParticipantsUpdated').length >= before + 2);
    app.status = 202;
    const tries = app.of('ParticipantsUpdated').slice(1);
    expect(new Set(tries.map((attempt) => attempt.id)).size).toBe(1);
    expect(new Set(tries.map((attempt) => attempt.raw)).size).toBe(1);
    expect(new Set(tries.map((attempt) => attempt.authorization)).size).toBe(1);
    await call.end();
  });

  it('begin with the handshakes of both schemas', async () => {
    const app = await startApp();
    const validate = (schema: string) =>
      simulator.client.json('POST', '/validate', { url: `${app.url}/incoming`, schema });
    expect(await validate('eventGrid')).toEqual({ ok: true, status: 200, detail: 'validated' });
    expect(app.incoming[0]?.headers['aeg-event-type']).toBe('SubscriptionValidation');
    expect(await validate('cloudEvents')).toMatchObject({ ok: false });
  });

  it('are signed with a new key after a rotation, and the old one stays published', async () => {
    const keys = async () =>
      ((await (await fetch(simulator.jwksUrl)).json()) as { keys: Array<{ kid: string }> }).keys.map(
        ({ kid }) => kid,
      );
    const before = await keys();
    const { kid } = (await simulator.client.json('POST', '/keys/rotate', {})) as { kid: string };
    expect(await keys()).toEqual([kid, ...before]);
  });
});

describe('the control API', () => {
  it('tells its health and its counters, and refuses web pages', async () => {
    expect(await simulator.client.json('GET', '/health')).toMatchObject({ status: 'ok' });
    const stats = (await simulator.client.json('GET', '/stats')) as Record<string, number>;
    expect(stats.unauthorized).toBeGreaterThan(0);
    expect(stats.backgroundErrors).toBe(0);
    const page = await fetch(`${simulator.url}/simulator/health`, {
      headers: { origin: 'http://evil.example' },
    });
    expect(page.status).toBe(403);
  });

  it('ends a call when the client that placed it goes away', async () => {
    const app = await startApp();
    const gone = new AbortController();
    const placed = simulator.client.placeCall(
      { script: [{ waitMs: 60_000 }], incomingUrl: `${app.url}/incoming` },
      (line) => {
        if (line.event === 'connected') gone.abort();
      },
      gone.signal,
    );
    await expect(placed).rejects.toThrow();
    await until('CallDisconnected', () => app.of('CallDisconnected').length === 1);
  });
});
