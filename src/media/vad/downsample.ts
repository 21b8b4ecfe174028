/** Taps of the low-pass at 48 kHz, the common multiple of both rates. */
const TAPS = 48;
const CUTOFF_HZ = 7200;
const COMMON_HZ = 48000;
/** Input samples an output reaches back for. */
const REACH = TAPS / 2;

/** Windowed sinc with a gain of 2, for every second sample at 48 kHz is a zero. */
const FILTER = Float32Array.from({ length: TAPS }, (_, i) => {
  const x = i - (TAPS - 1) / 2;
  const angle = (2 * Math.PI * CUTOFF_HZ * x) / COMMON_HZ;
  const sinc = Math.sin(angle) / (Math.PI * x);
  return 2 * sinc * (0.54 - 0.46 * Math.cos((2 * Math.PI * i) / (TAPS - 1)));
});

/** Streaming conversion of 24 kHz to 16 kHz, good enough for voice activity, not for ears. */
export class Downsampler {
  private readonly tail = new Float32Array(REACH);
  private readonly work = new Float32Array(REACH + 480);

  /** @param pcm 20 ms of PCM16 at 24 kHz; @param out takes 320 samples from `at` on */
  convert(pcm: Buffer, out: Float32Array, at: number): void {
    const { work, tail } = this;
    work.set(tail);
    for (let i = 0; i < 480; i++) work[REACH + i] = pcm.readInt16LE(i * 2) / 32768;
    for (let n = 0; n < 320; n++) {
      // Output n stands at 3n on the 48 kHz grid, input m at 2m.
      const newest = (3 * n) >> 1;
      const phase = (3 * n) & 1;
      let sum = 0;
      for (let k = phase, m = REACH + newest; k < TAPS; k += 2, m--) sum += (FILTER[k] ?? 0) * (work[m] ?? 0);
      out[at + n] = sum;
    }
    tail.set(work.subarray(480));
  }
}
