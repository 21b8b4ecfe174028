/**
 * Calls through an ACS that doubles, swaps and loses events and is busy at times, while workers die that were about to
 * answer: each call is answered once and reaches its end, with an exact transcript and nothing left behind. In full:
 *
 *   STORM_CALLS=500 STORM_LIVE=14 STORM_KILLS=5 npx vitest run --project failure storm
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CallResult } from '../../src/simulator/core/report.js';
import type { PlaceCall } from '../../src/simulator/core/setup.js';
import { Component, DataType, RedisKeyManager } from '../../src/stores/keys.js';
import { eventually, readAll, type StackView, startTestStack, type TestStack } from '../support/stack.js';
import { isClosed, SAID, wasCut, wordsOf, wrongWords, wrongWordsAfterLoss } from '../support/storm.js';

const CALLS = Number(process.env.STORM_CALLS ?? 16);
const LIVE = Number(process.env.STORM_LIVE ?? 8);
const KILLS = Number(process.env.STORM_KILLS ?? 1);
const FAULTS = 'duplicate=0.1,duplicate.IncomingCall=0.1,reorder=0.3,drop=0.05,error503=0.02';
const LONG_MS = 300_000 + Math.ceil(CALLS / LIVE) * 60_000;

const keys = new RedisKeyManager({ environment: 'dev' });
let system: TestStack;
let view: StackView;

beforeAll(async () => {
  system = await startTestStack();
  view = system.view;
});
afterAll(() => system?.remove());

const script = [...SAID.map((say) => ({ say })), { hangUp: true }];
const results: CallResult[] = [];
/** Calls of which the first worker was killed while it answered: how often each was answered. */
const orphans = new Map<string, number>();

async function place(
  seed: number,
  call: PlaceCall = {},
  seen?: (event: string, callId: string) => void,
): Promise<void> {
  let id = '';
  const result = await view.place(
    { script, faults: FAULTS, seed, patienceMs: 60_000, ...call },
    (progress) => {
      if (progress.event === 'ringing') id = String(progress.callConnectionId);
      seen?.(progress.event, id);
    },
  );
  results.push(result);
  if (results.length % 50 === 0) process.stderr.write(`${results.length} calls are over\n`);
}

/** An ingress that gives the first delivery of a call to one worker, and all others to whom the front door chooses. */
async function ingressFor(worker: string): Promise<Server> {
  let deliveries = 0;
  const server = createServer((request, response) => {
    void (async () => {
      deliveries += 1;
      const url = deliveries === 1 ? `${worker}/acs/incoming` : view.info.incomingUrl;
      const headers = { 'content-type': 'application/json' };
      const body = await readAll(request);
      const answer = await fetch(url, { method: 'POST', headers, body }).catch(() => undefined);
      response.writeHead(answer?.status ?? 502).end();
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** A call whose first worker is killed while its answer is on the way to ACS. */
async function orphan(seed: number): Promise<void> {
  await system.stack.waitReady(120_000);
  const number = 1 + (seed % view.info.workers.length);
  const ingress = await ingressFor(view.info.workers[number - 1]?.url ?? '');
  try {
    const { port } = ingress.address() as AddressInfo;
    let id = '';
    const call = place(
      seed,
      {
        incomingUrl: `http://127.0.0.1:${port}/`,
        // The answer request is under way for long enough to lose its sender.
        latency: 'rest=2000-2000,socket=100-300,final=300-800,event=10-50',
        // One that came twice would be refused at the other worker: the redelivery is to come after the death.
        faults: FAULTS.replace('duplicate.IncomingCall=0.1,', ''),
        ringMs: 120_000,
      },
      (name, callId) => {
        if (name === 'ringing') id = callId;
        if (name === 'answered') orphans.set(callId, (orphans.get(callId) ?? 0) + 1);
      },
    );
    await eventually(
      'an answer under way',
      async () => {
        if (id === '') return false;
        const { result } = (await view.simulator.json('GET', `/calls/${id}`)) as { result: CallResult };
        return result.timings.incomingToRequestMs !== undefined;
      },
      60_000,
      20,
    );
    expect(orphans.get(id)).toBeUndefined();
    system.stack.worker(number).kill('app');
    await call;
  } finally {
    ingress.close();
    ingress.closeAllConnections();
  }
}

describe(`${CALLS} calls, ${LIVE} at once, ${KILLS} workers killed while they answer`, () => {
  it(
    'all come to their end, answered once',
    async () => {
      let placed = 0;
      const lane = async (): Promise<void> => {
        while (placed < CALLS - KILLS) {
          placed += 1;
          await place(placed);
        }
      };
      const killer = async (): Promise<void> => {
        for (let kill = 1; kill <= KILLS; kill += 1) {
          // Spread over the storm.
          await eventually(
            'its time',
            () => results.length >= (CALLS / (KILLS + 1)) * (kill - 0.5),
            LONG_MS,
            250,
          );
          await orphan(CALLS + kill);
        }
      };
      await Promise.all([
        killer(),
        ...Array.from({ length: LIVE }, (_, index) => sleep(index * 400).then(lane)),
      ]);
      const outcomes = new Map<string, number>();
      for (const { outcome } of results) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      expect(Object.fromEntries(outcomes)).toEqual({ completed: CALLS });
      expect([...orphans.values()]).toEqual(Array.from({ length: KILLS }, () => 1));
      for (const { callConnectionId, incomingAttempts } of results) {
        if (orphans.has(callConnectionId)) expect(incomingAttempts).toBeGreaterThan(1);
      }
    },
    LONG_MS,
  );

  it(
    'each has its words, of caller and agent, and one summary',
    async () => {
      const wrong: string[] = [];
      let cut = 0;
      let cutAndWhole = 0;
      for (const result of results) {
        const { callConnectionId } = result;
        await eventually(
          `the end of ${callConnectionId}`,
          () => isClosed(view, keys, callConnectionId),
          180_000,
          250,
        );
        const words = await wordsOf(view, callConnectionId);
        const lost = wasCut(result);
        const what = lost ? wrongWordsAfterLoss(words) : wrongWords(words);
        if (what !== undefined) wrong.push(`${callConnectionId}: ${what}`);
        cut += lost ? 1 : 0;
        cutAndWhole += lost && wrongWords(words) === undefined ? 1 : 0;
      }
      process.stderr.write(
        `${results.length - cut} calls kept their sockets; of ${cut} that lost theirs ${cutAndWhole} have every word\n`,
      );
      expect(wrong).toEqual([]);
    },
    LONG_MS,
  );

  it('nothing is left: actors, reminders, index entries, affinity; other keys are under their TTL', async () => {
    // First of all: whoever asks an actor something brings it back.
    await eventually('no actor', async () => (await view.activeCalls()) === 0, 180_000, 1_000);
    expect(await view.metric('rtvoice_actors')).toBe(0);
    for (const { callConnectionId } of results) {
      await eventually('no reminder', async () => !(await view.hasReminder(callConnectionId)), 60_000);
    }
    expect(await view.redis.zcard(keys.systemKey('calls', 'live'))).toBe(0);
    const affinity = await Promise.all(
      (await view.redis.keys(keys.pattern({ dataType: DataType.WORKER, component: Component.AFFINITY }))).map(
        (key) => view.redis.scard(key),
      ),
    );
    expect(affinity).toEqual(affinity.map(() => 0));
    const { code, stdout } = await view.rtvoice(['ttl', 'audit', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ total: 0 });
    expect(code).toBe(0);
    await system.stack.waitReady(60_000);
  }, 600_000);
});
