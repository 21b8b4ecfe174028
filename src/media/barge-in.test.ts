import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BARGE_IN, BargeIn } from './barge-in.js';

describe('barge-in', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const make = () => {
    const log: string[] = [];
    let playing = true;
    const bargeIn = new BargeIn({
      playing: () => playing,
      pause: () => log.push('pause'),
      resume: () => log.push('resume'),
      cancel: () => {
        log.push('cancel');
        playing = false;
      },
    });
    return { log, bargeIn, stopPlaying: () => (playing = false) };
  };

  it('pauses at an onset and goes on after a noise', () => {
    const { log, bargeIn } = make();
    bargeIn.onset(60);
    vi.advanceTimersByTime(300);
    bargeIn.offset();
    vi.advanceTimersByTime(5_000);
    expect(log).toEqual(['pause', 'resume']);
  });

  it('cancels once a voice has lasted, counted from its onset', () => {
    const { log, bargeIn } = make();
    bargeIn.onset(100);
    vi.advanceTimersByTime(BARGE_IN.confirmMs - 101);
    expect(log).toEqual(['pause']);
    vi.advanceTimersByTime(1);
    expect(log).toEqual(['pause', 'cancel']);
    bargeIn.offset();
    expect(log).toEqual(['pause', 'cancel']);
  });

  it('cancels at words, but not at a backchannel', () => {
    const { log, bargeIn } = make();
    bargeIn.words('Uh-huh.');
    bargeIn.words('  OKAY ');
    expect(log).toEqual([]);
    bargeIn.words('wait a moment');
    expect(log).toEqual(['cancel']);
  });

  it('does nothing where there is nothing to interrupt, and leaves no timer', () => {
    const { log, bargeIn, stopPlaying } = make();
    stopPlaying();
    bargeIn.onset(0);
    bargeIn.words('hello there');
    expect(log).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('leaves no timer when it is closed in a pause', () => {
    const { bargeIn } = make();
    bargeIn.onset(0);
    bargeIn.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});
