/** Forged, expired, misdirected, reused and missing tokens at the doors of a running worker: refused, counted, and never logged. */
import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { mintCallToken } from '../../src/acs/auth/call-token.js';
import type { CallResult } from '../../src/simulator/core/report.js';
import { type AcsTokens, acsTokens } from '../support/acs-tokens.js';
import { eventually, readText, type StackView, startTestStack, type TestStack } from '../support/stack.js';

const EVENT_GRID_SECRET = 'event-grid-secret-of-this-test';

let system: TestStack;
let view: StackView;
let tokens: AcsTokens;
let call: Promise<CallResult>;
let callId = '';
let correlationId = '';
/** Everything secret that was sent: none of it may stand in a log. */
const sent: string[] = [];

beforeAll(async () => {
  system = await startTestStack({ env: { EVENT_GRID_SECRET, SILENCE_REPROMPT_MS: '3600000' } });
  view = system.view;
  tokens = await acsTokens(view.stateDir, system.stack.env());
  call = view.place({ script: [{ waitMs: 200_000 }], patienceMs: 200_000, latency: 'none' }, (progress) => {
    if (progress.event === 'ringing') callId = String(progress.callConnectionId);
  });
  call.catch(() => undefined);
  await eventually('a live call', async () => {
    if (callId === '') return false;
    return (await view.actor(callId, 'describe')).phase === 'connected';
  });
  const described = (await view.simulator.json('GET', `/calls/${callId}`)) as {
    correlationId?: string;
    result?: { correlationId?: string };
  };
  correlationId = described.correlationId ?? described.result?.correlationId ?? '';
  expect(correlationId).not.toBe('');
});

afterAll(async () => {
  await view?.simulator.json('DELETE', `/calls/${callId}`).catch(() => undefined);
  await call?.catch(() => undefined);
  await system?.remove();
});

const urlToken = (id = correlationId): string => mintCallToken(Buffer.from(view.secrets.urlSecret), id);

function event(id: string = randomUUID(), of = callId): string {
  return JSON.stringify([
    {
      id,
      source: `calling/callConnections/${of}`,
      type: 'Microsoft.Communication.PlayStarted',
      data: { callConnectionId: of, correlationId },
      time: new Date().toISOString(),
      specversion: '1.0',
    },
  ]);
}

interface Sent {
  readonly authorization?: string;
  readonly body?: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

async function callback({ authorization, body = event(), token = urlToken(), headers = {} }: Sent) {
  if (authorization) sent.push(authorization.replace(/^Bearer /, ''));
  const answer = await fetch(`${view.info.workers[0]?.url}/acs/callbacks/${token}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(authorization ? { authorization } : {}), ...headers },
    body,
  });
  const text = await answer.text();
  return { status: answer.status, code: text === '' ? '' : (JSON.parse(text) as { code: string }).code };
}

/** Opens a socket of a call. 101 when it opened. */
async function upgrade(
  { authorization, token = urlToken(), headers = {} }: Sent,
  of = callId,
  kind: 'media' | 'transcription' = 'transcription',
) {
  if (authorization) sent.push(authorization.replace(/^Bearer /, ''));
  const base = view.info.workers[0]?.url.replace('http', 'ws');
  const socket = new WebSocket(`${base}/acs/${kind}/${token}`, {
    headers: {
      'x-ms-call-connection-id': of,
      ...(authorization ? { authorization } : {}),
      ...headers,
    },
  });
  return new Promise<{ status: number; code: string }>((resolve, reject) => {
    socket.once('open', () => {
      socket.close();
      resolve({ status: 101, code: '' });
    });
    socket.once('unexpected-response', (_request, response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, code: (JSON.parse(text) as { code: string }).code }),
      );
    });
    socket.once('error', (error) => reject(error));
  });
}

const counted = (code: string, door: string): Promise<number> =>
  view.metric('rtvoice_security_events_total', { code, door });

describe.each([
  ['callback', callback],
  ['transcription', (what: Sent) => upgrade(what)],
  ['media', (what: Sent) => upgrade(what, callId, 'media')],
] as const)('tokens at the door of %s', (door, knock) => {
  it.each<[string, () => Promise<string | undefined>, string]>([
    ['missing', async () => undefined, 'RTV_AUTH_MISSING'],
    ['no token at all', async () => 'Bearer x', 'RTV_AUTH_MALFORMED'],
    ['unsigned', async () => tokens.unsigned(), 'RTV_AUTH_ALGORITHM'],
    ['forged under a known key id', () => tokens.bearer({ forged: true }), 'RTV_AUTH_SIGNATURE'],
    ['of a key that nobody has', () => tokens.bearer({ strangeKey: true }), 'RTV_AUTH_KEY_UNKNOWN'],
    ['expired', () => tokens.bearer({ issuedS: -900, expiresS: -600 }), 'RTV_AUTH_EXPIRED'],
    ['of tomorrow', () => tokens.bearer({ issuedS: 86_400, expiresS: 90_000 }), 'RTV_AUTH_NOT_YET_VALID'],
    ['for another audience', () => tokens.bearer({ audience: randomUUID() }), 'RTV_AUTH_AUDIENCE'],
    ['of another issuer', () => tokens.bearer({ issuer: 'https://issuer.invalid' }), 'RTV_AUTH_ISSUER'],
  ])('%s', async (_what, make, code) => {
    const before = await counted(code, door);
    const authorization = await make();
    expect(await knock(authorization ? { authorization } : {})).toEqual({ status: 401, code });
    expect(await counted(code, door)).toBe(before + 1);
  });

  it('a right one, with a URL that is not ours', async () => {
    const end = urlToken().endsWith('AA') ? 'BA' : 'AA';
    const forged = `${urlToken().slice(0, -2)}${end}`;
    for (const token of [forged, 'x', '%E0%A4%A', urlToken().split('.')[0] ?? '']) {
      const answer = await knock({ authorization: await tokens.bearer(), token });
      expect([400, 403]).toContain(answer.status);
    }
    expect(await counted('RTV_CALL_TOKEN_INVALID', door)).toBeGreaterThanOrEqual(3);
  });

  it('a right one passes', async () => {
    expect((await knock({ authorization: await tokens.bearer() })).status).toBe(
      door === 'callback' ? 202 : 101,
    );
  });

  it('the call connection must be that of the URL', async () => {
    const before = await counted('RTV_CALL_TOKEN_INVALID', door);
    const authorization = await tokens.bearer();
    const answer =
      door === 'callback'
        ? await callback({ authorization, body: event(randomUUID(), randomUUID()) })
        : await upgrade({ authorization }, randomUUID(), door);
    expect(answer).toEqual({ status: 403, code: 'RTV_CALL_TOKEN_INVALID' });
    expect(await counted('RTV_CALL_TOKEN_INVALID', door)).toBe(before + 1);
  });
});

describe('a token that comes again', () => {
  it('with the same body is a redelivery', async () => {
    const again = { authorization: await tokens.bearer(), body: event() };
    expect((await callback(again)).status).toBe(202);
    expect((await callback(again)).status).toBe(202);
  });

  it('with another body is refused, at another worker too', async () => {
    const authorization = await tokens.bearer();
    expect((await callback({ authorization })).status).toBe(202);
    expect(await callback({ authorization })).toEqual({ status: 401, code: 'RTV_AUTH_REPLAYED' });
    const other = await fetch(`${view.info.workers[1]?.url}/acs/callbacks/${urlToken()}`, {
      method: 'POST',
      headers: { authorization },
      body: event(),
    });
    expect(other.status).toBe(401);
    expect(await other.json()).toMatchObject({ code: 'RTV_AUTH_REPLAYED' });
  });

  it('refused once stays refused, also at the worker that saw it last', async () => {
    const authorization = await tokens.bearer();
    expect((await callback({ authorization })).status).toBe(202);
    const body = event();
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const other = await fetch(`${view.info.workers[1]?.url}/acs/callbacks/${urlToken()}`, {
        method: 'POST',
        headers: { authorization },
        body,
      });
      expect(other.status).toBe(401);
    }
  });

  it('for another purpose is refused, both ways', async () => {
    const authorization = await tokens.bearer();
    expect((await upgrade({ authorization })).status).toBe(101);
    expect(await callback({ authorization })).toEqual({ status: 401, code: 'RTV_AUTH_REPLAYED' });
    const posted = await tokens.bearer();
    expect((await callback({ authorization: posted })).status).toBe(202);
    for (const kind of ['media', 'transcription'] as const) {
      expect(await upgrade({ authorization: posted }, callId, kind)).toEqual({
        status: 401,
        code: 'RTV_AUTH_REPLAYED',
      });
    }
  });
});

describe('a batch', () => {
  it('keeps the events of its call, and refuses those of another', async () => {
    const [mine] = JSON.parse(event()) as object[];
    const [foreign] = JSON.parse(event(randomUUID(), randomUUID())) as object[];
    const before = await counted('RTV_CALL_TOKEN_INVALID', 'callback');
    const body = JSON.stringify([foreign, mine, null, { id: 7 }]);
    expect((await callback({ authorization: await tokens.bearer(), body })).status).toBe(202);
    expect(await counted('RTV_CALL_TOKEN_INVALID', 'callback')).toBe(before + 1);
  });
});

describe('the door of incoming calls', () => {
  const post = (headers: Readonly<Record<string, string>>, query = ''): Promise<Response> =>
    fetch(`${view.info.workers[0]?.url}/acs/incoming${query}`, { method: 'POST', headers, body: '[]' });

  it('opens with the secret, in header or address, and to nobody else', async () => {
    sent.push(EVENT_GRID_SECRET);
    expect((await post({ 'x-rtvoice-eventgrid-key': EVENT_GRID_SECRET })).status).toBe(200);
    expect((await post({}, `?code=${EVENT_GRID_SECRET}`)).status).toBe(200);
    expect((await post({})).status).toBe(401);
    expect((await post({ 'x-rtvoice-eventgrid-key': 'event-grid-secret-of-this-tesT' })).status).toBe(401);
    expect(await counted('RTV_AUTH_SECRET', 'incoming')).toBe(1);
  });
});

describe('keys', () => {
  it('that are rotated are known at once', async () => {
    await view.simulator.json('POST', '/keys/rotate');
    tokens = await acsTokens(view.stateDir, system.stack.env());
    // An unknown key id is looked up at most every few seconds.
    await eventually('the new key', async () => {
      return (await callback({ authorization: await tokens.bearer() })).status === 202;
    });
  });
});

describe('slow and greedy senders', () => {
  const raw = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const { hostname, port } = new URL(view.info.workers[0]?.url ?? '');
      const socket = connect(Number(port), hostname, () => socket.write(text));
      let answer = '';
      socket.setEncoding('utf8').on('data', (part: string) => {
        answer += part;
      });
      socket.once('close', () => resolve(answer));
      socket.once('error', reject);
    });

  it('a head that does not end is cut off', async () => {
    const started = performance.now();
    expect(await raw('POST /acs/incoming HTTP/1.1\r\nhost: x\r\n')).toContain('408');
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it('a body that does not end is cut off', async () => {
    const head = `POST /acs/callbacks/${urlToken()} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n[`;
    expect(await raw(head)).toContain('408');
  });

  it('a head that is too large, a body that is too large, no JSON', async () => {
    const large = `GET /livez HTTP/1.1\r\nhost: x\r\nx-long: ${'a'.repeat(20_000)}\r\n\r\n`;
    expect(await raw(large)).toContain('431');
    const huge = await callback({ authorization: await tokens.bearer(), body: 'x'.repeat(1_100_000) });
    expect(huge).toEqual({ status: 413, code: 'RTV_REQUEST_TOO_LARGE' });
    const none = await callback({ authorization: await tokens.bearer(), body: '{"id":' });
    expect(none).toEqual({ status: 400, code: 'RTV_REQUEST_MALFORMED' });
  });
});

describe('after all that', () => {
  it('the live call noticed nothing, and no log holds a token or secret', async () => {
    expect(await view.actor(callId, 'describe')).toMatchObject({ phase: 'connected' });
    expect(await view.metric('rtvoice_uncaught_errors_total')).toBe(0);
    const folder = view.info.logsDir;
    for (const file of await readdir(folder)) {
      const text = await readText(join(folder, file));
      for (const secret of sent.filter(({ length }) => length > 8)) {
        expect(text.includes(secret), `a secret in ${file}`).toBe(false);
      }
      expect(text).not.toContain(urlToken());
    }
  });
});
