import { describe, expect, it } from 'vitest';
import { DEFAULT_SETTINGS } from './settings.js';
import { CONTEXT, WINDOW } from './silero.js';
import { VoiceChannel, type VoiceEvent } from './voice-channel.js';

const FRAME = 320;
const LOUD = 12_000;

/** A frame of a loud square wave: it stands out of any noise, and none of it is 0. */
const loud = Buffer.alloc(FRAME * 2);
for (let at = 0; at < FRAME; at += 1) loud.writeInt16LE(at % 2 === 0 ? LOUD : -LOUD, at * 2);
const quiet = Buffer.alloc(FRAME * 2);

/** A channel whose model says of every window that it is speech, and what it was asked of. */
function channel() {
  const heard: number[] = [];
  const starts: VoiceEvent[] = [];
  const ends: VoiceEvent[] = [];
  const queue = {
    enqueue: (ready: VoiceChannel): void => {
      while (ready.takeWindow()) {
        heard.push(...ready.input.subarray(CONTEXT, CONTEXT + WINDOW));
        ready.result(1);
      }
    },
    forget: () => undefined,
  };
  const one = new VoiceChannel(16_000, DEFAULT_SETTINGS, queue);
  one.onSpeechStart = (event) => starts.push(event);
  one.onSpeechEnd = (event) => ends.push(event);
  let atMs = 0;
  const push = (frame: Buffer, count: number, gapFrames = 0): void => {
    atMs += gapFrames * 20;
    for (let index = 0; index < count; index += 1, atMs += 20) one.push(frame, atMs);
  };
  return { one, push, heard, starts, ends };
}

/** Lengths of the runs of silence between the first and the last sound, in samples. */
function silences(samples: readonly number[]): number[] {
  const runs: number[] = [];
  let run = 0;
  for (const sample of samples.slice(samples.findIndex((value) => value !== 0))) {
    if (sample === 0) run += 1;
    else if (run > 0) runs.push(run);
    if (sample !== 0) run = 0;
  }
  return runs;
}

describe('the ear of a participant', () => {
  it.each([1, 3, 9])('hears %i missing frame(s) as silence, and the time goes on', (lost) => {
    const { push, heard, starts, ends } = channel();
    push(quiet, 30);
    push(loud, 30);
    push(loud, 40, lost);
    expect(silences(heard)).toEqual([lost * FRAME]);
    expect(starts).toHaveLength(1);
    // All that was heard, and the silence: 70 frames of sound less what no window is full of yet.
    const from = heard.findIndex((value) => value !== 0);
    expect(heard.length - from).toBeGreaterThan((70 + lost) * FRAME - WINDOW);
    expect(ends).toEqual([]);
  });

  it('begins anew after a longer gap: what was said has ended', () => {
    const { push, heard, starts, ends } = channel();
    push(quiet, 30);
    push(loud, 30);
    push(loud, 40, 11);
    expect(ends).toHaveLength(1);
    expect(starts).toHaveLength(2);
    expect(silences(heard)).toEqual([]);
  });

  it('takes missing frames for no quieter noise', () => {
    const noise = Buffer.alloc(FRAME * 2);
    for (let at = 0; at < FRAME; at += 1) noise.writeInt16LE(at % 2 === 0 ? 100 : -100, at * 2);
    const { push, starts } = channel();
    push(noise, 100);
    for (let gap = 0; gap < 20; gap += 1) push(noise, 20, 9);
    expect(starts).toEqual([]);
  });

  it('lets a voice end whose frames no longer come, once, and not for a single stall', () => {
    const { one, push, starts, ends } = channel();
    push(quiet, 30);
    push(loud, 30);
    one.look();
    push(loud, 10);
    for (let look = 0; look < 3; look += 1) one.look();
    expect(ends).toEqual([]);
    for (let look = 0; look < 3; look += 1) one.look();
    expect(ends).toHaveLength(1);
    expect(one.speaking).toBe(false);
    push(loud, 10);
    expect(starts).toHaveLength(2);
  });
});
