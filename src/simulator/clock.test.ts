import { afterEach, describe, expect, it, vi } from 'vitest';
import { FrameClock } from './clock.js';

afterEach(() => {
  vi.useRealTimers();
});

describe('the frame clock', () => {
  it('calls each listener 50 times a second, also when timers come late', async () => {
    const clock = new FrameClock();
    const counts = [0, 0, 0, 0, 0];
    const stops = counts.map((_, i) =>
      clock.subscribe(() => {
        counts[i] = (counts[i] ?? 0) + 1;
        // Work that holds the loop now and then.
        if (i === 0 && counts[0] === 20) {
          const until = performance.now() + 150;
          while (performance.now() < until);
        }
      }),
    );
    const startedAt = performance.now();
    await vi.waitFor(() => expect(counts[4]).toBeGreaterThanOrEqual(50), { timeout: 5000, interval: 1 });
    const expected = (performance.now() - startedAt) / 20;
    for (const stop of stops) stop();
    for (const count of counts) expect(Math.abs(count - expected)).toBeLessThan(3);
    expect(clock.takeFigures().skippedFrames).toBe(0);
  });

  it('makes up for a stall, and skips what is longer than a second', () => {
    vi.useFakeTimers();
    const clock = new FrameClock();
    let count = 0;
    const stop = clock.subscribe(() => {
      count += 1;
    });
    vi.advanceTimersByTime(1000);
    expect(count).toBe(50);
    // A timer that fires late sees more time gone by.
    const now = performance.now();
    const late = vi.spyOn(performance, 'now').mockReturnValue(now + 505);
    vi.advanceTimersByTime(5);
    late.mockRestore();
    expect(Math.abs(count - 75)).toBeLessThanOrEqual(1);
    const later = vi.spyOn(performance, 'now').mockReturnValue(now + 60_000);
    vi.advanceTimersByTime(600);
    later.mockRestore();
    expect(count).toBeLessThan(140);
    expect(clock.takeFigures().skippedFrames).toBeGreaterThan(2900);
    stop();
    expect(clock.size).toBe(0);
  });

  it('stops when nobody listens', () => {
    vi.useFakeTimers();
    const clock = new FrameClock();
    clock.subscribe(() => undefined)();
    vi.advanceTimersByTime(100);
    expect(vi.getTimerCount()).toBe(0);
  });
});
