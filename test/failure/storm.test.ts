/**
 * Calls through an ACS that doubles, swaps and loses events and is busy at times: each reaches its end, with an exact
 * transcript and nothing left behind. And one whose first worker dies while it answers: answered once.
 *
 *   STORM_CALLS=500 STORM_LIVE=12 npx vitest run --project failure storm
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { revealTranscript } from '../../src/actors/call-record.js';
import type { CallResult } from '../../src/simulator/core/report.js';
import { RedisKeyManager } from '../../src/stores/keys.js';
import { eventually, type StackView, startTestStack, type TestStack } from '../support/stack.js';

const CALLS = Number(process.env.STORM_CALLS ?? 16);
const LIVE = Number(process.env.STORM_LIVE ?? 8);
const FAULTS = 'duplicate=0.1,reorder=0.3,drop=0.05,error503=0.02';
const SAID = ['My name is Alice Brown.', 'Someone hit my car yesterday.'];
const LONG_MS = 180_000 + Math.ceil(CALLS / LIVE) * 30_000;

const keys = new RedisKeyManager({ environment: 'dev' });
let system: TestStack;
let view: StackView;

beforeAll(async () => {
  system = await startTestStack();
  view = system.view;
});

afterAll(() => system?.remove());

/** What the caller said and how often the agent spoke, as the archive has it; every number once, without a gap. */
async function transcriptOf(callId: string): Promise<{ said: string[]; replies: number; summaries: number }> {
  const { turns, summaries } = await view.transcript(callId);
  expect(turns.map(({ seq }) => seq)).toEqual(turns.map((_, index) => index + 1));
  expect(new Set(turns.map(({ turnId }) => turnId)).size).toBe(turns.length);
  const words = turns.map(({ role, turnId, transcript }) => ({
    role,
    text: revealTranscript(view.seal, callId, turnId, transcript),
  }));
  expect(words.filter(({ role, text }) => role === 'agent' && text === '')).toEqual([]);
  return {
    said: words.filter(({ role }) => role === 'user').map(({ text }) => text),
    replies: words.filter(({ role }) => role === 'agent').length,
    summaries: summaries.length,
  };
}

const gone = async (callId: string): Promise<boolean> => {
  const live = await view.redis.zscore(keys.systemKey('calls', 'live'), callId);
  return live === null && (await view.actor(callId, 'describe')).phase === 'ended';
};

describe('calls through a storm', () => {
  const results: CallResult[] = [];

  it(
    `${CALLS} calls, ${LIVE} at once`,
    async () => {
      let placed = 0;
      const lane = async (): Promise<void> => {
        while (placed < CALLS) {
          placed += 1;
          const seed = placed;
          results.push(
            await view.place({
              script: [...SAID.map((say) => ({ say })), { hangUp: true }],
              faults: FAULTS,
              seed,
              patienceMs: 60_000,
            }),
          );
          if (results.length % 50 === 0) process.stderr.write(`${results.length} calls are over\n`);
        }
      };
      await Promise.all(Array.from({ length: LIVE }, (_, index) => sleep(index * 400).then(lane)));
      const outcomes = new Map<string, number>();
      for (const { outcome } of results) outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      expect(Object.fromEntries(outcomes)).toEqual({ completed: CALLS });
    },
    LONG_MS,
  );

  it(
    'each has its end, its transcript, and its summary',
    async () => {
      for (const { callConnectionId } of results) {
        await eventually(`the end of ${callConnectionId}`, () => gone(callConnectionId), 120_000, 250);
        const { said, replies, summaries } = await transcriptOf(callConnectionId);
        expect(said, callConnectionId).toEqual(SAID);
        expect(replies, callConnectionId).toBeGreaterThanOrEqual(SAID.length);
        expect(summaries, callConnectionId).toBe(1);
      }
    },
    LONG_MS,
  );

  it('nothing is left: no affinity, no reminder, no key without a TTL', async () => {
    for (const { callConnectionId } of results) {
      await eventually('no reminder', async () => !(await view.hasReminder(callConnectionId)), 30_000);
      expect(await view.redis.zscore(keys.systemKey('calls', 'live'), callConnectionId)).toBeNull();
    }
    const affinity = await Promise.all(
      view.info.workers.map(({ id }) => view.redis.scard(keys.workerKey(id, 'affinity'))),
    );
    expect(affinity).toEqual(affinity.map(() => 0));
    const ours = await view.redis.keys('rtvoice:*');
    const eternal = [];
    for (const key of ours) if ((await view.redis.ttl(key)) === -1) eternal.push(key);
    // Indices live as long as the system; their entries are owned.
    const indices = ['calls', 'workers'].map((of) => keys.systemKey(of, 'live'));
    expect(eternal.filter((key) => !indices.includes(key))).toEqual([]);
  }, 120_000);
});

describe('an incoming call whose first worker dies', () => {
  it('is delivered again, and answered once', async () => {
    const answering = async (): Promise<number | undefined> => {
      const sent = await Promise.all(
        view.info.workers.map(async ({ url }) => {
          const text = await fetch(`${url}/metrics`).then(
            (answer) => answer.text(),
            () => '',
          );
          return Number(/^rtvoice_call_setup_ms_count\S* (\d+)/m.exec(text)?.[1] ?? 0);
        }),
      );
      const first = before.length === 0 ? -1 : sent.findIndex((count, index) => count > (before[index] ?? 0));
      if (before.length === 0) before = sent;
      return first >= 0 ? first + 1 : undefined;
    };
    let before: number[] = [];
    await answering();
    let answered = 0;
    const call = view.place(
      {
        script: [...SAID.map((say) => ({ say })), { hangUp: true }],
        // The answer request is on its way for long enough to lose its sender.
        latency: 'rest=1500-1500,socket=100-300,final=300-800,event=10-50',
        patienceMs: 60_000,
        ringMs: 60_000,
      },
      ({ event }) => {
        if (event === 'answered') answered += 1;
      },
    );
    const worker = await eventually('a worker that answers', answering, 20_000, 20);
    system.stack.worker(worker).kill('app');
    const result = await call;
    expect(result.outcome).toBe('completed');
    expect(result.incomingAttempts).toBeGreaterThan(1);
    expect(answered).toBe(1);
    await eventually('the end', () => gone(result.callConnectionId), 60_000, 250);
    const { said, summaries } = await transcriptOf(result.callConnectionId);
    expect(said).toEqual(SAID);
    expect(summaries).toBe(1);
    await system.stack.waitReady(60_000);
  }, 180_000);
});
