import { describe, expect, it } from 'vitest';
import { FADE_MS, fadeIn, fadeOut } from './fade.js';

const RATES = [16_000, 24_000] as const;
const LOUD = 20_000;

const loud = (samples: number): Buffer => {
  const pcm = Buffer.alloc(samples * 2);
  for (let at = 0; at < pcm.length; at += 2) pcm.writeInt16LE(LOUD, at);
  return pcm;
};
const samplesOf = (pcm: Buffer): number[] =>
  Array.from({ length: pcm.length / 2 }, (_, index) => pcm.readInt16LE(index * 2));
const largestStep = (samples: readonly number[]): number =>
  samples
    .slice(1)
    .reduce((most, sample, index) => Math.max(most, Math.abs(sample - (samples[index] ?? 0))), 0);

describe.each(RATES)('a frame at %i Hz', (rate) => {
  const samples = rate / 50;
  const ramp = (rate * FADE_MS) / 1000;

  it('rises from silence without a step, and is itself after the ramp', () => {
    const frame = loud(samples);
    const risen = samplesOf(fadeIn(frame, rate));
    expect(risen[0]).toBe(0);
    expect(largestStep(risen)).toBeLessThanOrEqual(Math.ceil(LOUD / ramp));
    expect(risen.slice(ramp).every((sample) => sample === LOUD)).toBe(true);
    expect(samplesOf(frame).every((sample) => sample === LOUD)).toBe(true);
  });

  it('falls to silence at its end, and is itself before the ramp', () => {
    const fallen = samplesOf(fadeOut(loud(samples), rate));
    expect(fallen.at(-1)).toBe(0);
    expect(largestStep(fallen)).toBeLessThanOrEqual(Math.ceil(LOUD / ramp));
    expect(fallen.slice(0, -ramp).every((sample) => sample === LOUD)).toBe(true);
  });

  it('is ramped over all of it when it is shorter than the ramp', () => {
    const short = samplesOf(fadeOut(loud(10), rate));
    expect([short[0], short.at(-1)]).toEqual([Math.round((LOUD * 9) / 10), 0]);
    expect(fadeOut(Buffer.alloc(0), rate)).toHaveLength(0);
  });
});
