import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MediaWatch, RESTART_AFTER_MS } from './media-watch.js';

describe('media watch', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const make = () => {
    const asked: number[] = [];
    const start = Date.now();
    const watch: MediaWatch = new MediaWatch({
      restart: () => asked.push(Date.now() - start),
      wake: () => watch.step(),
      now: () => Date.now(),
    });
    return { asked, watch };
  };

  it('asks at once, then at growing intervals, and never gives up on a live call', () => {
    const { asked, watch } = make();
    watch.lost(0);
    watch.step();
    vi.advanceTimersByTime(95_000);
    expect(asked).toEqual([...RESTART_AFTER_MS, 60_000, 90_000]);
    watch.settled();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('does not ask when the call ends within the grace', () => {
    const { asked, watch } = make();
    watch.lost(400);
    vi.advanceTimersByTime(300);
    watch.settled();
    vi.advanceTimersByTime(60_000);
    expect(asked).toEqual([]);
  });

  it('knows for how long nobody was heard, from before the loss was noticed', () => {
    const { watch } = make();
    expect(watch.gapMs).toBe(0);
    watch.lost(0, Date.now() - 1_700);
    vi.advanceTimersByTime(800);
    // The same loss, told again.
    watch.lost(0);
    expect(watch.gapMs).toBe(2_500);
    watch.settled();
    expect(watch.gapMs).toBe(0);
  });

  it('stops asking once a worker attached, and starts anew with the next loss', () => {
    const { asked, watch } = make();
    watch.lost(0);
    watch.step();
    vi.advanceTimersByTime(100);
    watch.settled();
    vi.advanceTimersByTime(30_000);
    expect(asked).toEqual([0]);
    watch.lost(0);
    watch.step();
    expect(asked).toHaveLength(2);
  });
});
