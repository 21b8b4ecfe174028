import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesPerFrame, durationMs, frames, levelDb, type SampleRate, SILENCE_DB } from './pcm.js';

function tone(amplitude: number, samples: number): Buffer {
  const pcm = Buffer.alloc(samples * 2);
  for (let i = 0; i < samples; i++) pcm.writeInt16LE(Math.round(amplitude * Math.sin(i / 3)), i * 2);
  return pcm;
}

describe('frames', () => {
  it('has the sizes of the media socket', () => {
    expect([bytesPerFrame(16000), bytesPerFrame(24000)]).toEqual([640, 960]);
    expect(durationMs(640, 16000)).toBe(20);
  });

  it('gives back the audio, with silence up to the end of the last frame', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 5000 }),
        fc.constantFrom<SampleRate>(16000, 24000),
        (bytes, rate) => {
          const cut = [...frames(Buffer.from(bytes), rate)];
          expect(cut.every((frame) => frame.length === bytesPerFrame(rate))).toBe(true);
          const joined = Buffer.concat(cut);
          expect(joined.subarray(0, bytes.length).equals(bytes)).toBe(true);
          expect(joined.subarray(bytes.length).every((byte) => byte === 0)).toBe(true);
          expect(joined.length - bytes.length).toBeLessThan(bytesPerFrame(rate));
        },
      ),
    );
  });
});

describe('levelDb', () => {
  it('knows silence, full scale and the halving of an amplitude', () => {
    expect(levelDb(Buffer.alloc(640))).toBe(SILENCE_DB);
    expect(levelDb(Buffer.alloc(0))).toBe(SILENCE_DB);
    expect(levelDb(tone(32767, 16000))).toBeCloseTo(-3.01, 1);
    expect(levelDb(tone(8000, 16000)) - levelDb(tone(4000, 16000))).toBeCloseTo(6.02, 1);
  });
});
