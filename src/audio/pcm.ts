/** Length of one media frame in milliseconds; 50 frames a second. */
export const FRAME_MS = 20;

/** Sample rates of a call's media socket, in Hz. */
export type SampleRate = 16000 | 24000;

/** Bytes of one 20 ms PCM16 mono frame: 640 at 16 kHz, 960 at 24 kHz. */
export function bytesPerFrame(rate: SampleRate): 640 | 960 {
  return rate === 16000 ? 640 : 960;
}

/** Duration in milliseconds of PCM16 mono audio of that many bytes. */
export function durationMs(bytes: number, rate: number): number {
  return (bytes / 2 / rate) * 1000;
}

/**
 * Cuts PCM16 mono audio into 20 ms frames. Frames are views of `pcm`; only a last, incomplete frame is a
 * copy, padded with silence.
 */
export function* frames(pcm: Buffer, rate: SampleRate): Generator<Buffer, void, undefined> {
  const size = bytesPerFrame(rate);
  let at = 0;
  for (; at + size <= pcm.length; at += size) yield pcm.subarray(at, at + size);
  if (at < pcm.length) {
    const last = Buffer.alloc(size);
    pcm.copy(last, 0, at);
    yield last;
  }
}

/** Level reported for digital silence and for an empty frame, in dBFS. */
export const SILENCE_DB = -100;

/** Root-mean-square level of PCM16 audio in dBFS (0 = full-scale square wave), never below SILENCE_DB. */
export function levelDb(pcm: Buffer): number {
  const samples = pcm.length >> 1;
  if (samples === 0) return SILENCE_DB;
  let sum = 0;
  for (let at = 0; at + 1 < pcm.length; at += 2) {
    const sample = pcm.readInt16LE(at);
    sum += sample * sample;
  }
  if (sum === 0) return SILENCE_DB;
  return Math.max(SILENCE_DB, 10 * Math.log10(sum / samples) - FULL_SCALE_DB);
}

const FULL_SCALE_DB = 20 * Math.log10(32768);
