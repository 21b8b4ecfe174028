import { expect, it } from 'vitest';
import type { CallersAccount, Evidence, SeenTurn } from './evidence.js';
import { survivalOf } from './survival.js';

const call = (callId: string, moments: readonly [string, number][], endedMs = 60_000): CallersAccount => ({
  callId,
  placedMs: 0,
  answered: true,
  outcome: 'completed',
  endedBy: 'caller',
  endedMs,
  said: [],
  heard: 0,
  moments: [['connected', 100] as const, ...moments].map(([event, atMs]) => ({ event, atMs })),
});

const turn = (
  callId: string,
  turnId: string,
  worker: number,
  askedMs: number,
  answeredMs?: number,
): SeenTurn => ({
  callId,
  turnId,
  role: 'user',
  text: '',
  incarnation: '1',
  mediaEpoch: 1,
  turnNo: 1,
  worker,
  askedMs,
  ...(answeredMs === undefined ? {} : { answeredMs }),
  durable: answeredMs !== undefined,
});

const evidence: Evidence = {
  calls: [
    // On worker 1: loses its socket and gets another one.
    call('a', [
      ['media', 200],
      ['mediaLost', 10_050],
      ['media', 11_600],
    ]),
    // On worker 2: not met by the fault of worker 1.
    call('b', [['media', 200]]),
    // On worker 1: never gets its socket back.
    { ...call('c', [['mediaLost', 10_050]]), outcome: 'timed_out' },
    // Over before.
    call('d', [['media', 200]], 9_000),
  ],
  turns: [
    turn('a', 'a1', 1, 5_000, 5_010),
    turn('a', 'a2', 1, 9_990),
    turn('a', 'a2', 2, 11_700, 12_000),
    turn('a', 'a3', 2, 14_000, 14_020),
    turn('b', 'b1', 2, 5_000, 5_010),
    turn('b', 'b2', 2, 12_000, 12_030),
    turn('c', 'c1', 1, 5_000, 5_010),
    turn('d', 'd1', 1, 5_000, 5_010),
  ],
  stored: [],
  summaries: [],
  endStates: [],
  transcripts: [],
  reminders: [
    { callId: 'a', what: 'registered', atMs: 150, ok: true },
    { callId: 'a', what: 'fired', atMs: 15_150, ok: true },
    { callId: 'b', what: 'registered', atMs: 20_000, ok: true },
    { callId: 'b', what: 'fired', atMs: 35_000, ok: true },
  ],
  leftOvers: { keys: [], indexEntries: [], reminders: [], actors: 0, expiring: {} },
  faults: [
    { kind: 'app', worker: 1, atMs: 10_000 },
    { kind: 'redis', atMs: 11_000 },
  ],
};

it("a worker's fault meets the calls with their audio there", () => {
  const [app] = survivalOf(evidence, new Set(['c1']));
  expect(app).toEqual({
    fault: 'app',
    faults: 1,
    calls: 2,
    callsCut: 1,
    // a2 was offered before the fault and waited from it on; c had no turn after it.
    turnMs: [2_000],
    audioMs: [1_600],
    audioGone: 1,
    turnsLost: 1,
    reminderMs: [5_150],
  });
});

it("a store's fault meets all live calls; a turn that was offered later waits from its offer", () => {
  const redis = survivalOf(evidence, new Set()).find(({ fault }) => fault === 'redis');
  expect(redis).toMatchObject({ calls: 3, turnMs: [1_000, 30], turnsLost: 0 });
});
