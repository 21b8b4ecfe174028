import { describe, expect, it } from 'vitest';
import { resample } from './resample.js';

function sine(hz: number, rate: number, seconds: number): Buffer {
  const pcm = Buffer.alloc(Math.round(rate * seconds) * 2);
  for (let i = 0; i < pcm.length / 2; i++) {
    pcm.writeInt16LE(Math.round(12000 * Math.sin((2 * Math.PI * hz * i) / rate)), i * 2);
  }
  return pcm;
}

/** Signal-to-error ratio in dB, without the edges where the converter meets silence. */
function fidelityDb(actual: Buffer, expected: Buffer, edge: number): number {
  let signal = 0;
  let error = 0;
  for (let i = edge; i < expected.length / 2 - edge; i++) {
    const wanted = expected.readInt16LE(i * 2);
    signal += wanted ** 2;
    error += (actual.readInt16LE(i * 2) - wanted) ** 2;
  }
  return 10 * Math.log10(signal / error);
}

describe('resample', () => {
  it.each([
    [8000, 16000],
    [16000, 24000],
    [24000, 16000],
  ])('%d Hz to %d Hz keeps a tone, its length and its phase', async (from, to) => {
    const converted = await resample(sine(440, from, 1.13), from, to);
    const expected = sine(440, to, 1.13);
    expect(converted.length).toBe(expected.length);
    expect(fidelityDb(converted, expected, to / 100)).toBeGreaterThan(60);
  });

  it('leaves audio of the wanted rate as it is', async () => {
    const pcm = sine(440, 16000, 0.1);
    expect(await resample(pcm, 16000, 16000)).toBe(pcm);
  });
});
