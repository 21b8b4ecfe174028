import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ActorClient } from '../actors/client.js';
import type { Answer } from '../actors/ports.js';
import { startLiveSweep } from './live-sweep.js';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const never = new Promise<never>(() => undefined);

function sweep(silent: string[], answers: (callId: string) => Promise<Answer<object>>) {
  const woken: string[] = [];
  const removed: string[] = [];
  const actors: Pick<ActorClient, 'call'> = {
    call: (async (_type: string, callId: string) => {
      woken.push(callId);
      return answers(callId);
    }) as ActorClient['call'],
  };
  const index = {
    olderThan: async () => silent,
    remove: async (callId: string) => {
      removed.push(callId);
    },
  };
  const stop = startLiveSweep(index, actors as ActorClient, () => undefined, 30);
  return { woken, removed, stop };
}

it('a call that does not answer does not keep the others waiting', async () => {
  const silent = Array.from({ length: 20 }, (_, n) => `call-${n}`);
  const { woken, stop } = sweep(silent, (callId) =>
    callId === 'call-0' ? never : Promise.resolve({ ok: true }),
  );
  await vi.advanceTimersByTimeAsync(10_000);
  expect(woken).toHaveLength(20);
  stop();
});

it('entries of calls that nobody knows, or that have ended, are removed; others stay', async () => {
  const answers: Record<string, Answer<object>> = {
    unknown: { ok: false, code: 'RTV_CALL_UNKNOWN' },
    ended: { ok: false, code: 'RTV_CALL_ENDED' },
    away: { ok: false, code: 'RTV_ACTOR_UNREACHABLE' },
    live: { ok: true },
  };
  const { removed, stop } = sweep(Object.keys(answers), async (callId) => answers[callId] ?? { ok: true });
  await vi.advanceTimersByTimeAsync(10_000);
  expect(removed.sort()).toEqual(['ended', 'unknown']);
  stop();
});
