import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type MovableCall, moveCalls } from './move-calls.js';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  vi.spyOn(performance, 'now').mockImplementation(() => Date.now());
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Calls whose talk pauses at given times, each a second to move. */
function world(pausesAt: readonly number[], { room = true } = {}) {
  const began = performance.now();
  const state = { room, moving: 0, most: 0, log: [] as string[] };
  const calls = new Set<MovableCall>();
  pausesAt.forEach((pauseAt, index) => {
    const call: MovableCall = {
      get atPause() {
        return performance.now() - began >= pauseAt;
      },
      async pauseInTalk(patienceMs) {
        const until = performance.now() + patienceMs;
        while (!call.atPause && performance.now() < until) await wait(20);
      },
      async handOver() {
        state.moving += 1;
        state.most = Math.max(state.most, state.moving);
        await wait(1_000);
        state.moving -= 1;
        state.log.push(`${index} at ${Math.round((performance.now() - began) / 1_000)} s`);
      },
    };
    calls.add(call);
  });
  const media = {
    calls: () => calls,
    words: () => [],
    remove: (call: MovableCall) => void calls.delete(call),
    sockets: () => calls.size,
  };
  const move = (leftMs: () => number) =>
    moveCalls(media, { leftMs, hasRoom: () => state.room, moved: () => undefined });
  return { state, calls, move };
}

const forever = () => Number.POSITIVE_INFINITY;

describe('moving calls', () => {
  it('takes each in its own pause, and one that does not pause after 6 s', async () => {
    const { state, calls, move } = world([0, 2_000, 60_000]);
    const moved = move(forever);
    await vi.advanceTimersByTimeAsync(10_000);
    await moved;
    expect(state.log).toEqual(['0 at 1 s', '1 at 3 s', '2 at 7 s']);
    expect(calls.size).toBe(0);
  });

  it('takes eight at once', async () => {
    const { state, move } = world(Array.from({ length: 20 }, () => 0));
    const moved = move(forever);
    await vi.advanceTimersByTimeAsync(10_000);
    await moved;
    expect(state.most).toBe(8);
    expect(state.log).toHaveLength(20);
  });

  it('waits until somebody has room', async () => {
    const { state, calls, move } = world([0, 0], { room: false });
    const moved = move(forever);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(calls.size).toBe(2);
    state.room = true;
    await vi.advanceTimersByTimeAsync(3_000);
    await moved;
    expect(calls.size).toBe(0);
  });

  it('takes a call that still came', async () => {
    const { calls, move } = world([0]);
    const late = world([0]);
    const moved = move(forever);
    await vi.advanceTimersByTimeAsync(500);
    for (const call of late.calls) calls.add(call);
    await vi.advanceTimersByTimeAsync(3_000);
    await moved;
    expect(late.state.log).toHaveLength(1);
  });

  it('leaves what nobody takes when the time is over', async () => {
    const { calls, move } = world([0], { room: false });
    const until = performance.now() + 5_000;
    const moved = move(() => until - performance.now());
    await vi.advanceTimersByTimeAsync(6_000);
    await moved;
    expect(calls.size).toBe(1);
  });
});
