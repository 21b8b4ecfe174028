/**
 * Broken bodies and heads at the webhooks, broken frames at the sockets, from a seeded fuzzer, while a real call goes on:
 * nothing crashes, nothing is left uncaught, statuses are right, memory stays flat, the call notices nothing.
 *
 *   FUZZ_BODIES=100000 FUZZ_FRAMES=10000 FUZZ_SEED=7 npx vitest run --project failure fuzz
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { mintCallToken } from '../../src/acs/auth/call-token.js';
import type { CallResult } from '../../src/simulator/core/report.js';
import { type AcsTokens, acsTokens } from '../support/acs-tokens.js';
import { Fuzz } from '../support/fuzz.js';
import { eventually, type StackView, startTestStack, type TestStack } from '../support/stack.js';

const BODIES = Number(process.env.FUZZ_BODIES ?? 3_000);
const FRAMES = Number(process.env.FUZZ_FRAMES ?? 1_000);
const SEED = Number(process.env.FUZZ_SEED ?? 20_260_101);
const IN_FLIGHT = 16;
/** Bytes of memory that a worker may hold more after the storm than before it. */
const MEMORY_SLACK = 160 * 1024 * 1024;
const LONG_MS = 60_000 + BODIES * 30 + FRAMES * 30;

let system: TestStack;
let view: StackView;
let tokens: AcsTokens;
let talking: Promise<CallResult>;
let quiet: Promise<CallResult>;
let quietId = '';
let quietCorrelation = '';
let pids: (number | null)[];

const pidsNow = (): (number | null)[] => view.info.workers.map(({ pids: { app } }) => app);

beforeAll(async () => {
  // With a small heap the collector keeps house, and what grows is held by somebody.
  system = await startTestStack({
    env: { NODE_OPTIONS: '--max-old-space-size=256', SILENCE_REPROMPT_MS: '3600000' },
  });
  view = system.view;
  pids = pidsNow();
  tokens = await acsTokens(view.stateDir, system.stack.env());
  // One who talks, again and again, while all of it goes on; one whose callbacks and sockets are attacked.
  talking = view.place({
    script: conversation(Math.ceil(LONG_MS / 25_000)),
    patienceMs: 60_000,
    maxMs: 3_600_000,
  });
  talking.catch(() => undefined);
  let connected = false;
  quiet = view.place(
    {
      script: [{ waitMs: 600_000 }, { waitMs: 600_000 }, { waitMs: 600_000 }],
      patienceMs: 600_000,
      maxMs: 3_600_000,
    },
    (progress) => {
      if (progress.event === 'ringing') quietId = String(progress.callConnectionId);
      if (progress.event === 'connected') connected = true;
    },
  );
  quiet.catch(() => undefined);
  await eventually('a live call', () => connected);
  const { result } = (await view.simulator.json('GET', `/calls/${quietId}`)) as { result: CallResult };
  quietCorrelation = result.correlationId;
}, 120_000);

afterAll(async () => {
  if (!view) return system?.remove();
  const { calls } = (await view.simulator.json('GET', '/calls')) as { calls: string[] };
  for (const id of calls) await view.simulator.json('DELETE', `/calls/${id}`).catch(() => undefined);
  await Promise.allSettled([talking, quiet]);
  return system.remove();
}, 120_000);

const conversation = (rounds: number): object[] =>
  Array.from({ length: rounds }, () => [
    { say: 'My name is Alice Brown.' },
    { say: 'Someone hit my car yesterday.' },
    { waitMs: 15_000 },
  ])
    .flat()
    .slice(0, 199);

const urlToken = (): string => mintCallToken(Buffer.from(view.secrets.urlSecret), quietCorrelation);

/** Resident memory of the workers' processes, bytes. */
async function memory(): Promise<number> {
  const each = await Promise.all(
    pidsNow().map(async (pid) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
    }),
  );
  return each.reduce((sum, bytes) => sum + bytes, 0);
}

const isIn = (statuses: readonly number[], status: number): boolean => statuses.includes(status);

describe('webhooks', () => {
  it(
    `${BODIES} bodies and heads`,
    async () => {
      const fuzz = new Fuzz(SEED);
      const agent = new Agent({ connections: IN_FLIGHT, keepAliveTimeout: 10_000 });
      // One token serves all bodies that are no redelivery badly, so each request has its own, made ahead.
      const bearers = await Promise.all(Array.from({ length: 64 }, () => tokens.bearer({ expiresS: 3_600 })));
      const seen = new Map<string, number>();
      const wrong: string[] = [];
      let sent = 0;
      let before = 0;
      const one = async (): Promise<void> => {
        const worker = fuzz.pick(view.info.workers);
        const door = fuzz.pick(['incoming', 'callbacks', 'callbacks', 'forged'] as const);
        const path =
          door === 'incoming'
            ? '/acs/incoming'
            : `/acs/callbacks/${door === 'forged' ? fuzz.urlPart() : urlToken()}`;
        // Every fourth is well authenticated and reaches the parsers; the others are refused on the way.
        const honest = fuzz.chance(0.25);
        const authorization = honest
          ? await tokens.bearer()
          : fuzz.pick([fuzz.pick(bearers), fuzz.headerValue()]);
        const body = fuzz.body(quietId);
        const answer = await request(`${worker?.url}${path}`, {
          dispatcher: agent,
          method: fuzz.chance(0.97) ? 'POST' : fuzz.pick(['PUT', 'GET', 'OPTIONS', 'DELETE'] as const),
          headers: { ...fuzz.headers(), authorization },
          body,
        }).catch((error: Error) => ({ statusCode: -1, body: { dump: async () => undefined }, error }));
        await answer.body.dump();
        const status = answer.statusCode;
        seen.set(`${door} ${status}`, (seen.get(`${door} ${status}`) ?? 0) + 1);
        const expected = {
          // 502/503: an incoming call that looks real enough to be answered, which ACS then refuses.
          incoming: [200, 400, 404, 413, 415, 500, 503],
          callbacks: [202, 400, 401, 403, 404, 413, 415, 200],
          forged: [400, 403, 404, 413, 415, 200],
        }[door];
        if (!isIn(expected, status)) wrong.push(`${door} ${status}`);
        // An answer that never was: the server closed on a body it would not read to its end.
        if (status === -1 && Buffer.byteLength(body) > 1024 * 1024) wrong.pop();
      };
      const lane = async (): Promise<void> => {
        while (sent < BODIES) {
          sent += 1;
          await one();
          // Memory has found its level after the first part.
          if (sent === Math.floor(BODIES / 3)) before = await memory();
        }
      };
      await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
      await agent.close();
      process.stderr.write(`fuzzed ${sent} requests: ${JSON.stringify(Object.fromEntries(seen))}\n`);
      process.stderr.write(
        `memory: ${before >> 20} MiB after a third, ${(await memory()) >> 20} MiB at the end\n`,
      );
      expect(wrong.slice(0, 10)).toEqual([]);
      expect((await memory()) - before).toBeLessThan(MEMORY_SLACK);
    },
    LONG_MS,
  );
});

describe('sockets', () => {
  it(
    `${FRAMES} frames`,
    async () => {
      const fuzz = new Fuzz(SEED + 1);
      let sent = 0;
      const before = await memory();
      while (sent < FRAMES) {
        const socket = await open(fuzz.pick(['media', 'transcription'] as const));
        // What breaks the protocol ends this socket and no other.
        for (let count = 0; count < 50 && sent < FRAMES && socket.readyState === WebSocket.OPEN; count += 1) {
          const { data, binary } = fuzz.frame(quietId);
          sent += 1;
          socket.send(data, { binary });
          if (fuzz.chance(0.1)) await new Promise((resolve) => setImmediate(resolve));
        }
        // Closed in good order, so that all that was sent is read.
        const closed = new Promise((resolve) => socket.once('close', resolve));
        socket.close();
        await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 5_000).unref())]);
        socket.terminate();
      }
      expect((await memory()) - before).toBeLessThan(MEMORY_SLACK);
    },
    LONG_MS,
  );

  const open = async (kind: 'media' | 'transcription'): Promise<WebSocket> => {
    const base = view.info.workers[0]?.url.replace('http', 'ws');
    const socket = new WebSocket(`${base}/acs/${kind}/${urlToken()}`, {
      headers: {
        authorization: await tokens.bearer(),
        'x-ms-call-connection-id': quietId,
        'x-ms-call-correlation-id': randomUUID(),
      },
    });
    socket.on('error', () => undefined);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', () => resolve());
      socket.once('unexpected-response', (_request, response) => reject(new Error(`${response.statusCode}`)));
    });
    return socket;
  };
});

describe('after the storm', () => {
  it('the same processes live, nothing was left uncaught, and the other call went on', async () => {
    expect(pidsNow()).toEqual(pids);
    expect(await view.metric('rtvoice_uncaught_errors_total')).toBe(0);
    const calls = (await view.simulator.json('GET', '/calls')) as { calls: string[] };
    const other = calls.calls.find((id) => id !== quietId) ?? '';
    const look = async (): Promise<CallResult> =>
      ((await view.simulator.json('GET', `/calls/${other}`)) as { result: CallResult }).result;
    const replies = (seen: CallResult): number =>
      seen.turns.filter(({ role, responseMs }) => role === 'user' && responseMs !== undefined).length;
    const before = replies(await look());
    const result = await eventually(
      'one more reply',
      async () => {
        const now = await look();
        return replies(now) > before ? now : undefined;
      },
      90_000,
    );
    expect(result.noReplies).toBe(0);
    expect(result.callbacks.refused).toBe(0);
    for (const { url } of view.info.workers) expect((await fetch(`${url}/readyz`)).status).toBe(200);
  });
});
