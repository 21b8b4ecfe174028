/** Ramps at the edges of speech that begins or ends in the middle of a sound: without them it clicks. */
import type { SampleRate } from '../audio/pcm.js';

/** Long enough not to click, too short to be missed, ms. */
export const FADE_MS = 8;

/** A copy of a frame of PCM16 mono that rises from silence. */
export const fadeIn = (frame: Buffer, sampleRate: SampleRate): Buffer => ramped(frame, sampleRate, 0);

/** A copy that falls to silence at its end. */
export const fadeOut = (frame: Buffer, sampleRate: SampleRate): Buffer =>
  ramped(frame, sampleRate, frame.length / 2 - 1);

/** Linear from 0 at the sample `silent` to full FADE_MS away from it. */
function ramped(frame: Buffer, sampleRate: SampleRate, silent: number): Buffer {
  const faded = Buffer.from(frame);
  const samples = Math.floor(frame.length / 2);
  const ramp = Math.min(samples, (sampleRate * FADE_MS) / 1000);
  for (let step = 0; step < ramp; step += 1) {
    const at = Math.abs(silent - step) * 2;
    faded.writeInt16LE(Math.round((frame.readInt16LE(at) * step) / ramp), at);
  }
  return faded;
}
