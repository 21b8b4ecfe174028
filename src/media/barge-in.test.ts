import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BARGE_IN, BargeIn, type BargeInSettings } from './barge-in.js';

const span = (voicedMs: number, clearMs = voicedMs) => ({ voicedMs, clearMs });

describe('barge-in', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const make = (settings: Partial<BargeInSettings> = {}) => {
    const log: string[] = [];
    let busy = true;
    const bargeIn = new BargeIn(
      {
        busy: () => busy,
        pause: () => log.push('pause'),
        resume: () => log.push('resume'),
        cancel: () => {
          log.push('cancel');
          busy = false;
        },
        now: () => performance.now(),
      },
      { ...BARGE_IN, ...settings },
    );
    return { log, bargeIn, setBusy: (value: boolean) => (busy = value) };
  };

  it('pauses at an onset and goes on after a noise', () => {
    const { log, bargeIn } = make();
    bargeIn.onset();
    bargeIn.voice(span(120));
    vi.advanceTimersByTime(300);
    bargeIn.offset(span(120));
    vi.advanceTimersByTime(5_000);
    expect(log).toEqual(['pause', 'resume']);
  });

  it('cancels once there was enough voice', () => {
    const { log, bargeIn } = make();
    bargeIn.onset();
    bargeIn.voice(span(BARGE_IN.confirmMs - 1));
    expect(log).toEqual(['pause']);
    bargeIn.voice(span(BARGE_IN.confirmMs));
    expect(log).toEqual(['pause', 'cancel']);
    bargeIn.offset(span(BARGE_IN.confirmMs));
    vi.advanceTimersByTime(5_000);
    expect(log).toEqual(['pause', 'cancel']);
  });

  it('is not fooled by a murmur that never stands out, and goes on talking over it', () => {
    const { log, bargeIn } = make();
    bargeIn.onset();
    bargeIn.voice(span(600, BARGE_IN.clearMs - 1));
    vi.advanceTimersByTime(BARGE_IN.longestPauseMs);
    bargeIn.voice(span(3_000, BARGE_IN.clearMs - 1));
    expect(log).toEqual(['pause', 'resume']);
    bargeIn.voice(span(3_200, BARGE_IN.clearMs));
    expect(log).toEqual(['pause', 'resume', 'cancel']);
  });

  it('adds up a voice that hesitates, and forgets what is long over', () => {
    const { log, bargeIn } = make();
    const again = BARGE_IN.confirmMs * BARGE_IN.againPart;
    bargeIn.onset();
    bargeIn.offset(span(250));
    vi.advanceTimersByTime(BARGE_IN.memoryMs - 1);
    bargeIn.onset();
    bargeIn.voice(span(again - 250));
    expect(log).toEqual(['pause', 'resume', 'pause', 'cancel']);
    const late = make();
    late.bargeIn.onset();
    late.bargeIn.offset(span(250));
    vi.advanceTimersByTime(BARGE_IN.memoryMs + 1);
    late.bargeIn.onset();
    late.bargeIn.voice(span(again - 250));
    expect(late.log).toEqual(['pause', 'resume', 'pause']);
  });

  it('counts only what was said into the reply', () => {
    const { log, bargeIn, setBusy } = make();
    setBusy(false);
    bargeIn.onset();
    bargeIn.voice(span(4_000));
    bargeIn.offset(span(4_000));
    setBusy(true);
    bargeIn.onset();
    bargeIn.voice(span(300));
    expect(log).toEqual(['pause']);
    bargeIn.offset(span(300));
    // A reply begins while a voice has long been there.
    vi.advanceTimersByTime(10_000);
    bargeIn.onset(span(2_000));
    bargeIn.voice(span(2_300));
    expect(log).toEqual(['pause', 'resume', 'pause']);
    bargeIn.voice(span(2_000 + BARGE_IN.confirmMs));
    expect(log.at(-1)).toBe('cancel');
  });

  it('cancels at words, but not at a backchannel, however long it is drawn', () => {
    const { log, bargeIn } = make();
    bargeIn.onset();
    bargeIn.words('Uh-huh.');
    bargeIn.voice(span(900));
    bargeIn.words('  OKAY ');
    vi.advanceTimersByTime(BARGE_IN.longestPauseMs);
    expect(log).toEqual(['pause', 'resume']);
    bargeIn.words('wait a moment');
    expect(log).toEqual(['pause', 'resume', 'cancel']);
  });

  it('does nothing where there is nothing to interrupt, or where it is off, and leaves no timer', () => {
    const { log, bargeIn, setBusy } = make();
    setBusy(false);
    const off = make({ enabled: false });
    for (const one of [bargeIn, off.bargeIn]) {
      one.onset();
      one.voice(span(2_000));
      one.words('hello there');
      one.offset(span(2_000));
    }
    expect([...log, ...off.log]).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('leaves no timer when it is reset in a pause', () => {
    const { bargeIn } = make();
    bargeIn.onset();
    bargeIn.reset();
    expect(vi.getTimerCount()).toBe(0);
  });
});
