import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isVoice, Playout } from './playout.js';

const FRAME = 640;

function numbered(frames: number): Buffer {
  const pcm = Buffer.alloc(frames * FRAME);
  for (let i = 0; i < pcm.length; i += 2) pcm.writeUInt16LE(1 + ((i / 2) % 60_000), i);
  return pcm;
}

function playAll(playout: Playout): Buffer {
  const played: Buffer[] = [];
  for (let silent = 0; silent < 10; ) {
    const frame = playout.next();
    if (frame) played.push(frame);
    silent = frame ? 0 : silent + 1;
  }
  return Buffer.concat(played);
}

describe('playout', () => {
  it('plays all bytes in order, however they are cut, padded to a frame', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6000 }),
        fc.array(fc.integer({ min: 1, max: 2000 })),
        (samples, cuts) => {
          const pcm = numbered(40).subarray(0, samples * 2);
          const playout = new Playout(FRAME);
          let at = 0;
          for (const cut of cuts) {
            playout.push(pcm.subarray(at, at + cut * 2));
            at += cut * 2;
          }
          playout.push(pcm.subarray(at));
          const heard = playAll(playout);
          expect(heard.length).toBe(Math.ceil(pcm.length / FRAME) * FRAME);
          expect(heard.subarray(0, pcm.length).equals(pcm)).toBe(true);
          expect(heard.subarray(pcm.length).every((byte) => byte === 0)).toBe(true);
        },
      ),
    );
  });

  it('waits for 60 ms of audio, or for 60 ms', () => {
    const playout = new Playout(FRAME);
    playout.push(numbered(1));
    expect([playout.next(), playout.next(), playout.next()]).toEqual([undefined, undefined, undefined]);
    expect(playout.next()).toBeDefined();
    const full = new Playout(FRAME);
    full.push(numbered(3));
    expect(full.next()).toBeDefined();
  });

  it('forgets on stopAudio what was not played', () => {
    const playout = new Playout(FRAME);
    playout.push(numbered(10));
    for (let i = 0; i < 4; i++) playout.next();
    expect(playout.clear()).toBe(6);
    expect(playout.next()).toBeUndefined();
    expect(playout.figures).toMatchObject({ played: 4, discarded: 6 });
  });

  it('counts a gap only when speech goes on soon after', () => {
    const playout = new Playout(FRAME);
    const hear = (frames: number): void => {
      for (let i = 0; i < frames; i++) playout.next();
    };
    playout.push(numbered(5));
    hear(5 + 5);
    playout.push(numbered(5));
    hear(5);
    expect(playout.figures).toMatchObject({ gaps: 1, gapFrames: 5 });
    hear(100);
    playout.push(numbered(5));
    hear(5);
    expect(playout.figures.gaps).toBe(1);
  });

  it('is bounded', () => {
    const playout = new Playout(FRAME);
    const minute = Buffer.alloc(3000 * FRAME);
    for (let i = 0; i < 4; i++) playout.push(minute);
    expect(playout.figures.overflowed).toBe(6000);
  });
});

describe('voice', () => {
  it('is heard above a threshold', () => {
    const frame = Buffer.alloc(FRAME);
    expect(isVoice(frame)).toBe(false);
    for (let at = 0; at < FRAME; at += 2) frame.writeInt16LE(at % 4 === 0 ? 100 : -100, at);
    expect(isVoice(frame)).toBe(false);
    for (let at = 0; at < FRAME; at += 2) frame.writeInt16LE(-1000, at);
    expect(isVoice(frame)).toBe(true);
  });
});
