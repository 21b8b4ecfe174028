import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AcsSetupError, createAcs } from '../../src/acs/client.js';
import type { AcsClient } from '../../src/acs/client-types.js';
import { type AcsServer, startAcsServer } from './acs-server.js';

const CALL = 'call-0001';
const properties = { callConnectionId: CALL, callConnectionState: 'connected' };
const answer = {
  incomingCallContext: 'context',
  callbackUri: 'https://example.test/cb',
  locale: 'en-US',
  sampleRate: 16_000 as const,
};

let server: AcsServer;
let acs: AcsClient;

beforeAll(async () => {
  server = await startAcsServer();
  acs = createAcs({ connectionString: server.connectionString, allowInsecure: true, deadlineMs: 4000 });
});
afterAll(async () => {
  acs.close();
  await server.close();
});
beforeEach(() => {
  server.requests.length = 0;
  server.next.length = 0;
});

const error = (status: number, code: string) => ({ status, body: { error: { code, message: '+15550100' } } });

describe('error answers', () => {
  it.each([
    [400, '8501', 'RTV_ACS_NOT_ESTABLISHED', true],
    [400, '8528', 'RTV_ACS_CALL_ENDED', false],
    [404, '8522', 'RTV_ACS_CALL_NOT_FOUND', false],
    [409, '8519', 'RTV_ACS_CONFLICT', true],
    [412, '8583', 'RTV_ACS_MEDIA_INCOMPATIBLE', false],
    [400, '1234', 'RTV_ACS_REFUSED', false],
    [401, 'Unauthorized', 'RTV_ACS_UNAUTHORIZED', false],
    [403, 'Forbidden', 'RTV_ACS_UNAUTHORIZED', false],
    [404, 'NotFound', 'RTV_ACS_NOT_FOUND', false],
    [409, 'Conflict', 'RTV_ACS_CONFLICT', true],
  ])('%i/%s is %s', async (status, subCode, code, retryable) => {
    server.next.push(error(status, subCode));
    const result = await acs.startMediaStreaming(CALL);
    expect(result).toEqual({
      ok: false,
      code,
      status,
      ...(/^\d+$/.test(subCode) ? { subCode: Number(subCode) } : {}),
      retryable,
      unknown: false,
    });
    expect(JSON.stringify(result)).not.toContain('+1555');
    expect(server.requests).toHaveLength(1);
  });

  it('a status outside the specification is a failure of unknown effect', async () => {
    server.next.push({ status: 200 });
    expect(await acs.startMediaStreaming(CALL)).toMatchObject({
      ok: false,
      code: 'RTV_ACS_UNEXPECTED_RESPONSE',
      unknown: true,
    });
  });

  it('an answer without a call id is a failure of unknown effect', async () => {
    server.next.push({ status: 200, body: { callConnectionState: 'connecting' } });
    expect(await acs.answer(answer)).toMatchObject({
      ok: false,
      code: 'RTV_ACS_UNEXPECTED_RESPONSE',
      unknown: true,
    });
  });
});

describe('attempts', () => {
  it.each([429, 503])('%i is tried again with the same id after Retry-After', async (status) => {
    server.next.push(
      { ...error(status, 'x'), headers: { 'retry-after-ms': '150' } },
      { status: 200, body: properties },
    );
    const startedMs = performance.now();
    expect(await acs.answer(answer)).toMatchObject({ ok: true });
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(145);
    const ids = new Set(server.requests.map((sent) => sent.headers['repeatability-request-id']));
    expect(server.requests).toHaveLength(2);
    expect(ids.size).toBe(1);
    expect(server.requests.every((sent) => sent.signed)).toBe(true);
  });

  it('does not wait for a Retry-After beyond the deadline', async () => {
    server.next.push({ ...error(503, 'x'), headers: { 'retry-after': '30' } });
    const startedMs = performance.now();
    expect(await acs.play(CALL, { sources: [{ kind: 'text', text: 'x' }] })).toEqual({
      ok: false,
      code: 'RTV_ACS_BUSY',
      status: 503,
      retryAfterMs: 30_000,
      retryable: true,
      unknown: false,
    });
    expect(performance.now() - startedMs).toBeLessThan(3000);
  });

  it('gives up after four attempts at a busy ACS', async () => {
    for (let n = 0; n < 9; n += 1)
      server.next.push({ ...error(429, 'x'), headers: { 'retry-after-ms': '1' } });
    expect(await acs.properties(CALL)).toMatchObject({
      ok: false,
      code: 'RTV_ACS_THROTTLED',
      unknown: false,
    });
    expect(server.requests).toHaveLength(4);
  });

  it('500 after the effect: a repeatable operation is asked again, and remembers that it is unknown', async () => {
    server.next.push(error(500, 'x'), { status: 200, body: properties });
    expect(await acs.answer(answer)).toMatchObject({ ok: true });
    expect(server.requests).toHaveLength(2);
    server.next.push(error(500, 'x'), error(404, '8522'));
    expect(await acs.hangUp(CALL, { forEveryone: true })).toMatchObject({
      ok: false,
      code: 'RTV_ACS_CALL_NOT_FOUND',
      unknown: true,
    });
  });

  it('500 is not repeated where ACS could not tell the repetition', async () => {
    server.next.push(error(500, 'x'));
    expect(await acs.play(CALL, { sources: [{ kind: 'text', text: 'x' }] })).toMatchObject({
      ok: false,
      code: 'RTV_ACS_SERVER_ERROR',
      unknown: true,
      retryable: true,
    });
    expect(server.requests).toHaveLength(1);
  });

  it('a cut connection is unknown, and repeated only where that is safe', async () => {
    server.next.push('reset', { status: 200, body: properties });
    expect(await acs.properties(CALL)).toMatchObject({ ok: true });
    server.next.push('reset');
    expect(await acs.hold(CALL, '4:+15550100')).toMatchObject({
      ok: false,
      code: 'RTV_ACS_CONNECTION_LOST',
      unknown: true,
    });
    expect(server.requests).toHaveLength(3);
  });
});

describe('deadlines', () => {
  it('nobody listens: known within the deadline, and nothing was done', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise<void>((resolve) => closed.close(() => resolve()));
    const away = createAcs({
      connectionString: server.connectionString.replace(/:\d+\//, `:${port}/`),
      allowInsecure: true,
      deadlineMs: 2500,
    });
    const startedMs = performance.now();
    const result = await away.answer(answer);
    expect(performance.now() - startedMs).toBeLessThan(3000);
    expect(result).toEqual({ ok: false, code: 'RTV_ACS_UNREACHABLE', retryable: true, unknown: false });
    away.close();
  });

  it('a hang-up ends before the other operations would', async () => {
    const slow = createAcs({
      connectionString: server.connectionString,
      allowInsecure: true,
      deadlineMs: 60_000,
      hangUpDeadlineMs: 100,
    });
    server.next.push('hang');
    const startedMs = performance.now();
    expect(await slow.hangUp(CALL, { forEveryone: true })).toMatchObject({
      code: 'RTV_ACS_TIMED_OUT',
      unknown: true,
    });
    expect(performance.now() - startedMs).toBeLessThan(3000);
    slow.close();
  });

  it("the caller's signal ends the wait, in flight and before", async () => {
    server.next.push('hang');
    const controller = new AbortController();
    const running = acs.cancelAllMedia(CALL, { signal: controller.signal });
    await expect.poll(() => server.requests.length).toBe(1);
    controller.abort();
    expect(await running).toMatchObject({ ok: false, code: 'RTV_ACS_ABORTED', unknown: true });
    expect(await acs.cancelAllMedia(CALL, { signal: controller.signal })).toMatchObject({
      ok: false,
      code: 'RTV_ACS_ABORTED',
      unknown: false,
    });
    expect(server.requests).toHaveLength(1);
  });

  it('an endless list of participants ends with the deadline', async () => {
    server.answer = (request) => ({
      status: 200,
      body: {
        value: [{ identifier: { rawId: '8:acs:a', communicationUser: { id: '8:acs:a' } } }],
        nextLink: `${server.url}${request.path}?api-version=2026-03-12`,
      },
    });
    const result = await acs.listParticipants(CALL, { deadlineMs: 200 });
    server.answer = () => ({ status: 202 });
    expect(result).toMatchObject({ ok: false, code: 'RTV_ACS_TIMED_OUT' });
    const seen = server.requests.length;
    await acs.cancelAllMedia(CALL);
    expect(server.requests.length).toBeLessThanOrEqual(seen + 2);
  });
});

describe('setup', () => {
  it.each([
    [{}],
    [{ connectionString: 'accesskey=c2VjcmV0LWtleQ==' }],
    [{ connectionString: 'endpoint=nonsense;accesskey=c2VjcmV0LWtleQ==' }],
  ])('refuses %j without naming the key', (settings) => {
    let thrown: unknown;
    try {
      createAcs(settings);
    } catch (caught) {
      thrown = caught;
    }
    expect(thrown).toBeInstanceOf(AcsSetupError);
    expect(String((thrown as Error).message)).not.toContain('c2Vjc');
  });

  it('does not speak http unless that is allowed', async () => {
    const strict = createAcs({ connectionString: server.connectionString, deadlineMs: 500 });
    expect(await strict.properties(CALL)).toMatchObject({ ok: false });
    expect(server.requests).toHaveLength(0);
    strict.close();
  });
});
