import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createHoldLine } from './hold-line.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it('tells the media worker, again where it does not answer, and no longer than it makes sense', async () => {
  const post = vi.fn(async () => false);
  const held = createHoldLine({ post });
  held('call', 'http://worker', true);
  await vi.runAllTimersAsync();
  expect(post.mock.calls.length).toBeGreaterThan(1);
  expect(post.mock.calls.every((call) => JSON.stringify(call) === '["http://worker","call",true]')).toBe(
    true,
  );
  expect(vi.getTimerCount()).toBe(0);
  post.mockReset().mockResolvedValue(true);
  held('call', 'http://worker', false);
  await vi.runAllTimersAsync();
  expect(post).toHaveBeenCalledExactlyOnceWith('http://worker', 'call', false);
});

it('lets no older word overtake a newer one, nor repeats it', async () => {
  const told: boolean[] = [];
  let answer: (taken: boolean) => void = () => undefined;
  const held = createHoldLine({
    post: (_url, _call, on) => {
      told.push(on);
      return new Promise((resolve) => {
        answer = resolve;
      });
    },
  });
  held('call', 'http://worker', true);
  held('call', 'http://worker', false);
  await vi.advanceTimersByTimeAsync(10);
  expect(told).toEqual([true]);
  answer(false);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(told).toEqual([true, false]);
  answer(true);
  await vi.runAllTimersAsync();
  expect(told).toEqual([true, false]);
});

it('has nobody to tell where the call has no media worker, and survives a post that throws', async () => {
  const post = vi.fn(async (): Promise<boolean> => {
    throw new Error('gone');
  });
  const held = createHoldLine({ post });
  held('call', '', true);
  expect(post).not.toHaveBeenCalled();
  held('call', 'http://worker', true);
  await vi.runAllTimersAsync();
  expect(post).toHaveBeenCalled();
});
