import { setImmediate as nextTick } from 'node:timers/promises';
import libsamplerate from '@alexanderolsen/libsamplerate-js';

/** Audio converted between two looks at the event loop, in seconds: about 1 ms of work. */
const STEP_S = 0.25;
/** Silence after the end, so that the converter's look-ahead gives back the last samples. */
const TAIL_S = 0.1;

/**
 * Converts PCM16 mono audio from one sample rate to another (band-limited sinc). Yields to the event loop
 * every quarter of a second of audio, but making the converter holds it for some 15 ms: for tools, tests and
 * start-up, not beside live calls (flite's threads convert for themselves).
 * @param from source rate, Hz
 * @param to target rate, Hz
 */
export async function resample(pcm: Buffer, from: number, to: number): Promise<Buffer> {
  if (from === to || pcm.length < 2) return pcm;
  const samples = pcm.length >> 1;
  const out = Buffer.alloc(Math.round((samples * to) / from) * 2);
  const converter = await libsamplerate.create(1, from, to, {
    converterType: libsamplerate.ConverterType.SRC_SINC_FASTEST,
  });
  try {
    const step = Math.max(1, Math.round(from * STEP_S));
    const chunk = new Float32Array(step);
    const total = samples + Math.round(from * TAIL_S);
    let written = 0;
    for (let at = 0; at < total && written < out.length; at += step) {
      if (at > 0) await nextTick();
      for (let i = 0; i < step; i++) chunk[i] = at + i < samples ? pcm.readInt16LE((at + i) * 2) / 32768 : 0;
      const converted = converter.full(chunk);
      written = writePcm(converted, out, written);
    }
  } finally {
    converter.destroy();
  }
  return out;
}

function writePcm(from: Float32Array, to: Buffer, at: number): number {
  let next = at;
  for (const sample of from) {
    if (next >= to.length) break;
    to.writeInt16LE(Math.max(-32768, Math.min(32767, Math.round(sample * 32768))), next);
    next += 2;
  }
  return next;
}
