import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ENDPOINT, Endpointing, type EndpointSettings } from './endpointing.js';
import type { Heard } from './session-services.js';

let ids = 0;

/** @param span on the recogniser's clock, ms */
const words = (text: string, span?: readonly [from: number, to: number], final = false): Heard => {
  const endedAtMs = Date.now();
  const lengthMs = span ? span[1] - span[0] : 1_000;
  ids += 1;
  return {
    id: `words-${ids}`,
    text,
    startedAtMs: endedAtMs - lengthMs,
    endedAtMs,
    final,
    ...(span ? { offsetMs: span[0] } : {}),
  };
};

const make = (settings: Partial<EndpointSettings> = {}) => {
  const ended: Heard[] = [];
  const endpointing = new Endpointing({ ...ENDPOINT, ...settings }, (heard) => ended.push(heard));
  return { endpointing, ended, texts: () => ended.map(({ text }) => text) };
};
const { pauseMs } = ENDPOINT;

describe('the end of an utterance', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  it('comes with a pause after the last words when no final does', () => {
    const { endpointing, ended } = make();
    endpointing.interim(words('my number', [500, 1_000]));
    vi.advanceTimersByTime(pauseMs - 1);
    const last = words('my number is four', [500, 2_000]);
    endpointing.interim(last);
    vi.advanceTimersByTime(pauseMs - 1);
    expect(ended).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(ended).toEqual([{ ...last, final: true }]);
  });

  it('is left to the final where one comes', () => {
    const { endpointing, ended } = make();
    endpointing.interim(words('my number', [500, 1_000]));
    const final = words('My number is 4.', [500, 2_000], true);
    expect(endpointing.final(final)).toBe(final);
    vi.advanceTimersByTime(60_000);
    expect(ended).toEqual([]);
  });

  it('waits while the caller speaks, but not for ever: a voice without words is a noise', () => {
    const { endpointing, texts } = make();
    endpointing.voice(true);
    endpointing.interim(words('well', [500, 800]));
    vi.advanceTimersByTime(pauseMs + 100);
    expect(texts()).toEqual([]);
    endpointing.voice(false);
    vi.advanceTimersByTime(pauseMs);
    expect(texts()).toEqual(['well']);
    endpointing.voice(true);
    endpointing.interim(words('so', [9_000, 9_500]));
    vi.advanceTimersByTime(3 * pauseMs);
    expect(texts()).toEqual(['well', 'so']);
  });

  it('makes no second turn of the final that comes after all, whatever its spelling', () => {
    const { endpointing } = make();
    endpointing.interim(words('my number is four', [500, 2_000]));
    vi.advanceTimersByTime(pauseMs);
    expect(endpointing.final(words('My number is 4.', [480, 2_100], true))).toBeUndefined();
    const next = words('And my name.', [5_000, 6_000], true);
    expect(endpointing.final(next)).toBe(next);
  });

  it('loses no words of a stream that began anew, with a clock that did', () => {
    const { endpointing } = make();
    endpointing.interim(words('my number is four', [500, 2_000]));
    vi.advanceTimersByTime(pauseMs);
    const other = words('Are you still there?', [600, 1_800], true);
    expect(endpointing.final(other)).toBe(other);
  });

  it('takes what a late final has more', () => {
    const { endpointing } = make();
    endpointing.interim(words('my number is', [500, 1_500]));
    vi.advanceTimersByTime(pauseMs);
    const more = endpointing.final(words('My number is four one five.', [500, 4_500], true));
    expect(more?.text).toBe('four one five.');
  });

  it('does not take interim words of an utterance that was ended', () => {
    const { endpointing, texts } = make();
    endpointing.interim(words('hello', [500, 900]));
    vi.advanceTimersByTime(pauseMs);
    endpointing.interim(words('hello', [500, 1_000]));
    vi.advanceTimersByTime(pauseMs);
    expect(texts()).toEqual(['hello']);
  });

  it('knows the same words where the recogniser has no clock', () => {
    const { endpointing } = make();
    endpointing.interim(words('hello there'));
    vi.advanceTimersByTime(pauseMs);
    expect(endpointing.final(words('Hello there!', undefined, true))).toBeUndefined();
    const again = words('Hello there!', undefined, true);
    // The one that belonged to it has come: this is said anew.
    expect(endpointing.final(again)).toBe(again);
  });

  it('is left to finals alone where it is off', () => {
    const { endpointing, ended } = make({ pauseMs: 0 });
    endpointing.interim(words('hello'));
    vi.advanceTimersByTime(60_000);
    expect(ended).toEqual([]);
  });
});
