/** Bad input and bad settings, each with its coded error, while a call is in progress that hears nothing of it. */
import { spawn } from 'node:child_process';
import { createHash, createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { mintCallToken } from '../../src/acs/auth/call-token.js';
import type { CallResult } from '../../src/simulator/core/report.js';
import { TokenSigner } from '../../src/simulator/events/tokens.js';
import { DEFAULT_SETTINGS } from '../../src/simulator/settings.js';
import { RedisKeyManager } from '../../src/stores/keys.js';
import {
  type Environment,
  eventually,
  ROOT,
  runNode,
  type StackView,
  startTestStack,
  type TestStack,
} from '../support/stack.js';

const keys = new RedisKeyManager({ environment: 'dev' });
const LIVE = keys.systemKey('calls', 'live');
const WORKER = 'dist/src/main.js';

let system: TestStack;
let view: StackView;
let call: Promise<CallResult>;
let callId = '';

beforeAll(async () => {
  system = await startTestStack();
  view = system.view;
  call = view.place();
  call.catch(() => undefined);
  callId = await eventually('a call in conversation', async () => {
    const [live] = await view.redis.zrange(LIVE, 0, '-1');
    if (live === undefined) return undefined;
    return (await view.redis.hlen(keys.conversationKey(live, 'history'))) >= 1 ? live : undefined;
  });
});

afterAll(() => system?.remove());

const post = (
  path: string,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> =>
  fetch(`${view.info.publicBaseUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });

/** A callback of the call in progress, signed as ACS signs it. */
async function callBack(body: string): Promise<Response> {
  const { redis, info, secrets, stateDir } = view;
  const session = await redis.hget(keys.callKey(callId, 'session'), 'd');
  const { origin } = JSON.parse(session ?? '') as { origin: { correlationId: string } };
  const token = mintCallToken(Buffer.from(secrets.urlSecret), origin.correlationId);
  const { endpoint } = info.acs;
  const signer = await TokenSigner.create({
    issuer: endpoint,
    audience: DEFAULT_SETTINGS.resourceId,
    stateDir,
  });
  const authorization = (await signer.authorization()) ?? '';
  return post(`/acs/callbacks/${token}`, body, { authorization });
}

const incoming = (body: string): Promise<Response> => post('/acs/incoming', body);

/** The code of a problem+json answer of that status. */
async function problem(answer: Response, status: number): Promise<string> {
  expect(answer.status).toBe(status);
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  const body = (await answer.json()) as { code: string; status: number; title: string; cure: string };
  expect(body).toMatchObject({ status, title: expect.any(String), cure: expect.any(String) });
  return body.code;
}

describe('requests', () => {
  it.each([
    ['an incoming call', incoming],
    ['a callback', callBack],
  ])('malformed JSON in place of %s', async (_, send) => {
    for (const body of ['{"eventType":', '', 'no JSON', '"text"', '17']) {
      expect(await problem(await send(body), 400)).toBe('RTV_REQUEST_MALFORMED');
    }
  });

  it('a body over 1 MiB', async () => {
    const body = JSON.stringify([{ filler: 'x'.repeat(1024 * 1024) }]);
    expect(await problem(await incoming(body), 413)).toBe('RTV_REQUEST_TOO_LARGE');
    expect(await problem(await callBack(body), 413)).toBe('RTV_REQUEST_TOO_LARGE');
  });

  it('an unknown type of callback is taken and counted', async () => {
    const unknown = () => view.metric('rtvoice_acs_events_total', { kind: 'unknown' });
    const before = await unknown();
    const event = {
      id: randomUUID(),
      source: `calling/callConnections/${callId}`,
      type: 'Microsoft.Communication.SomethingNewHappened',
      specversion: '1.0',
      time: new Date().toISOString(),
      data: { callConnectionId: callId },
    };
    const answer = await callBack(JSON.stringify([event]));
    expect(answer.status).toBe(202);
    await eventually('it is counted', async () => (await unknown()) === before + 1, 10_000);
  });

  it('an unknown type of Event Grid event is taken, and no call comes of it', async () => {
    const event = { id: randomUUID(), eventType: 'Microsoft.Communication.Other', data: {} };
    const answer = await incoming(JSON.stringify([event]));
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ outcomes: [], ignored: 1 });
  });

  it('a callback with a token that we did not make', async () => {
    const forged = mintCallToken(Buffer.from('the secret of another deployment'), randomUUID());
    for (const token of [forged, 'nonsense']) {
      expect(await problem(await post(`/acs/callbacks/${token}`, '[]'), 403)).toBe('RTV_CALL_TOKEN_INVALID');
    }
  });

  it('an address where nothing is', async () => {
    expect(await problem(await post('/acs/nothing', '[]'), 404)).toBe('RTV_NOT_FOUND');
  });
});

describe('sockets', () => {
  it.each(['media', 'transcription'])(
    'a %s socket for an unknown call is refused before the upgrade',
    async (kind) => {
      const forged = mintCallToken(Buffer.from('the secret of another deployment'), randomUUID());
      for (const token of ['nonsense', forged]) {
        const url = `${view.info.publicBaseUrl.replace(/^http/, 'ws')}/acs/${kind}/${token}`;
        const socket = new WebSocket(url, { headers: { 'x-ms-call-connection-id': callId } });
        const answer = await new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
          socket.once('open', () => reject(new Error('the socket was opened')));
          socket.once('error', reject);
          socket.once('unexpected-response', (_request, response) => {
            let body = '';
            response.setEncoding('utf8').on('data', (text: string) => {
              body += text;
            });
            response.once('end', () => resolve({ status: response.statusCode, body }));
          });
        }).finally(() => socket.on('error', () => undefined));
        expect(answer.status).toBe(403);
        expect(JSON.parse(answer.body)).toMatchObject({ code: 'RTV_CALL_TOKEN_INVALID' });
      }
    },
  );
});

describe('the ACS simulator', () => {
  it('answers 401 to a wrong HMAC and does nothing', async () => {
    const { endpoint } = view.info.acs;
    const path = `/calling/callConnections/${callId}:terminate?api-version=2025-06-15`;
    const signed = async (key: Buffer) => {
      const date = new Date().toUTCString();
      const hash = createHash('sha256').update('{}').digest('base64');
      const text = `POST\n${path}\n${date};${new URL(endpoint).host};${hash}`;
      const signature = createHmac('sha256', key).update(text).digest('base64');
      return fetch(`${endpoint}${path}`, {
        method: 'POST',
        body: '{}',
        headers: {
          'content-type': 'application/json',
          'x-ms-date': date,
          'x-ms-content-sha256': hash,
          authorization: `HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=${signature}`,
        },
      });
    };
    const answer = await signed(Buffer.from('not the access key'));
    expect(answer.status).toBe(401);
    expect(await answer.json()).toMatchObject({
      error: { code: 'Denied', innererror: { code: 'RTV_SIM_HMAC_SIGNATURE' } },
    });
    const bare = await fetch(`${endpoint}${path}`, { method: 'POST', body: '{}' });
    expect(bare.status).toBe(401);
  });
});

describe('a worker that cannot start', () => {
  const worker = async (change: Environment) => {
    const env = { ...system.stack.env(1), WORKER_ID: 'worker-extra', WORKER_URL: undefined };
    return { ...env, PORT: String(await freePort()), APP_PORT: String(await freePort()), ...change };
  };
  const portOf = (url: string | undefined): string => new URL(url ?? '').port;

  it('its public port is in use', async () => {
    const env = await worker({ PORT: portOf(view.info.workers[0]?.url) });
    const { code, stderr } = await runNode(WORKER, [], env);
    expect(code).not.toBe(0);
    expect(stderr).toContain('RTV_PORT_IN_USE: PORT');
  });

  it('its Dapr port is in use', async () => {
    const env = await worker({ APP_PORT: String(view.info.ports['worker-1-app']) });
    const { code, stderr } = await runNode(WORKER, [], env);
    expect(code).not.toBe(0);
    expect(stderr).toContain('RTV_PORT_IN_USE: APP_PORT');
  });

  it('settings are missing or wrong: all of them are named, none is shown', async () => {
    const env = await worker({
      REDIS_HOST: undefined,
      COSMOS_KEY: undefined,
      ENVIRONMENT: 'moon',
      TTL_MULTIPLIER: '-7',
      RTVOICE_DATA_KEY: 'c2VjcmV0',
      ACS_CONNECTION_STRING: 'endpoint only',
    });
    const { code, stderr } = await runNode(WORKER, [], env);
    expect(code).not.toBe(0);
    expect(stderr).toContain('RTV_CONFIG_INVALID');
    const bad = ['REDIS_HOST', 'COSMOS_KEY', 'ENVIRONMENT', 'TTL_MULTIPLIER', 'RTVOICE_DATA_KEY'];
    for (const name of [...bad, 'ACS_CONNECTION_STRING']) expect(stderr).toContain(name);
    for (const value of ['moon', '-7', 'c2VjcmV0', 'endpoint only']) expect(stderr).not.toContain(value);
  });

  it('Redis refuses: it starts degraded and says so', async () => {
    const env = await worker({ REDIS_HOST: '127.0.0.1', REDIS_PORT: String(await freePort()) });
    const defined = Object.entries({ ...process.env, ...env }).filter(([, value]) => value !== undefined);
    const child = spawn(process.execPath, [WORKER], {
      cwd: ROOT,
      env: Object.fromEntries(defined),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let log = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
    const ended = once(child, 'exit');
    try {
      const health = await eventually(
        'the worker answers its readiness probe',
        async () => {
          if (child.exitCode !== null) throw new Error(`the worker ended with ${child.exitCode}`);
          const answer = await fetch(`http://127.0.0.1:${env.PORT}/readyz`).catch(() => undefined);
          return answer && { status: answer.status, body: (await answer.json()) as unknown };
        },
        60_000,
      );
      expect(health.status).toBe(200);
      expect(health.body).toMatchObject({ status: 'warn', checks: { redis: { status: 'warn' } } });
      expect(log).toContain('RTV_REDIS_UNAVAILABLE');
    } finally {
      child.kill('SIGTERM');
    }
    const [code] = (await ended) as [number | null];
    expect(code).toBe(0);
  });
});

describe('the call in progress', () => {
  it('was not disturbed by any of it', async () => {
    const result = await call;
    expect(result).toMatchObject({
      callConnectionId: callId,
      outcome: 'completed',
      noReplies: 0,
      media: { opened: 1, failed: 0, lost: 0 },
      callbacks: { refused: 0, dropped: 0 },
    });
    expect(result.turns.filter(({ role }) => role === 'user').length).toBeGreaterThanOrEqual(4);
    await eventually(
      'it is closed',
      async () => (await view.redis.exists(keys.callKey(callId, 'summary'))) === 1,
      15_000,
    );
    const { turns } = await view.transcript(callId);
    expect(turns.map(({ role }) => role)).toEqual(result.turns.map(({ role }) => role));
  });
});

/** A port that nothing listens on now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}
