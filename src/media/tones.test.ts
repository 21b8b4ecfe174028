import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TONES, ToneCollector, type ToneSettings } from './tones.js';

function keypad(settings: Partial<ToneSettings> = {}) {
  const turns: { digits: string; lengthMs: number }[] = [];
  const tones = new ToneCollector({ ...TONES, ...settings }, (digits, startedAtMs, endedAtMs) =>
    turns.push({ digits, lengthMs: endedAtMs - startedAtMs }),
  );
  const press = (keys: string, everyMs = 200): void => {
    for (const key of keys) {
      tones.tone(key);
      vi.advanceTimersByTime(everyMs);
    }
  };
  return { tones, turns, press, digits: () => turns.map(({ digits }) => digits) };
}

describe('keys of a caller', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  it('are one turn until the terminator, which is not part of it', () => {
    const { turns, press } = keypad();
    press('4729#');
    expect(turns).toEqual([{ digits: '4729', lengthMs: 800 }]);
  });

  it('are one turn once there are enough of them', () => {
    const { digits, press } = keypad({ most: 4 });
    press('47291');
    expect(digits()).toEqual(['4729']);
    vi.advanceTimersByTime(TONES.pauseMs);
    expect(digits()).toEqual(['4729', '1']);
  });

  it('are one turn after a pause, counted from the last key', () => {
    const { digits, press } = keypad();
    press('12', TONES.pauseMs - 1);
    expect(digits()).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(digits()).toEqual(['12']);
  });

  it('each are a turn where one is enough, and a terminator alone is one', () => {
    const { digits, press } = keypad({ most: 1 });
    press('1#2');
    expect(digits()).toEqual(['1', '#', '2']);
    const other = keypad();
    other.press('#');
    expect(other.digits()).toEqual(['#']);
  });

  it('have no terminator where none is set', () => {
    const { digits, press, tones } = keypad({ terminator: '' });
    press('1#2');
    tones.flush();
    expect(digits()).toEqual(['1#2']);
  });

  it('are not lost when the call moves, and gone when it ends', () => {
    const { digits, press, tones } = keypad();
    press('12');
    tones.flush();
    tones.flush();
    press('34');
    tones.close();
    vi.advanceTimersByTime(10_000);
    expect(digits()).toEqual(['12']);
  });
});
