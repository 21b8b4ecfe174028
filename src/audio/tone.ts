/** A sound where no words can be had: two soft notes, as a line that works but has nothing to say. */
import type { SampleRate } from './pcm.js';

const NOTES_HZ = [523.25, 392] as const;
const NOTE_MS = 180;
const GAP_MS = 60;
const FADE_MS = 30;
const LEVEL = 0.12 * 32_767;

/** PCM16 mono. */
export function attentionTone(sampleRate: SampleRate): Buffer {
  const samples = (ms: number): number => Math.round((ms * sampleRate) / 1_000);
  const note = samples(NOTE_MS);
  const fade = samples(FADE_MS);
  const pcm = Buffer.alloc(2 * NOTES_HZ.length * (note + samples(GAP_MS)));
  let at = 0;
  for (const hz of NOTES_HZ) {
    for (let index = 0; index < note; index += 1) {
      const edge = Math.min(1, index / fade, (note - index) / fade);
      const value = Math.sin((2 * Math.PI * hz * index) / sampleRate) * LEVEL * edge;
      pcm.writeInt16LE(Math.round(value), 2 * (at + index));
    }
    at += note + samples(GAP_MS);
  }
  return pcm;
}
