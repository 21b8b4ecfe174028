import { levelDb } from '../../src/audio/pcm.js';

/** Material for voice activity and barge-in trials: seeded noise, babble, mixing, true onsets. PCM16 at 16 kHz. */

const RATE = 16000;

/** A seeded source of numbers from 0 to 1 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** White noise with a standard deviation of 1. */
export function whiteNoise(samples: number, random: () => number): Float32Array {
  return Float32Array.from(
    { length: samples },
    () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
  );
}

/** Many voices at once, each at its own place in its clip, brought to one level. */
export function babble(samples: number, clips: readonly Buffer[], talkers: number, random: () => number) {
  const out = new Float32Array(samples);
  for (let talker = 0; talker < talkers; talker++) {
    let clip = levelled(pick(clips, random));
    let at = Math.floor(random() * clip.length);
    for (let i = 0; i < samples; i++) {
      if (at >= clip.length) {
        clip = levelled(pick(clips, random));
        at = 0;
      }
      out[i] = (out[i] ?? 0) + (clip[at++] ?? 0);
    }
  }
  return out;
}

/** The clip with an RMS of 1. */
function levelled(pcm: Buffer): Float32Array {
  const samples = toFloat(pcm);
  const level = rms(samples) || 1;
  return samples.map((sample) => sample / level);
}

export function pick<T>(list: readonly T[], random: () => number): T {
  const item = list[Math.floor(random() * list.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

export function toFloat(pcm: Buffer): Float32Array {
  return Float32Array.from({ length: pcm.length >> 1 }, (_, i) => pcm.readInt16LE(i * 2) / 32768);
}

export function rms(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.sqrt(sum / Math.max(1, samples.length));
}

/**
 * Where speech becomes audible in a clean clip: ms of the first 10 ms within 15 dB of the clip's speech level
 * that is no click (5 of the next 8 are as loud).
 */
export function onsetMs(clip: Buffer): number {
  const levels = levelsOf(clip);
  const threshold = 20 * Math.log10(speechRms(clip)) - 15;
  for (let i = 0; i < levels.length; i++) {
    const ahead = levels.slice(i, i + 8).filter((level) => level > threshold).length;
    if ((levels[i] ?? -100) > threshold && ahead >= 5) return i * 10;
  }
  return 0;
}

/** Level of the spoken parts of a clip, as RMS. */
function speechRms(clip: Buffer): number {
  const levels = levelsOf(clip);
  const threshold = Math.max(...levels) - 20;
  const active = levels.filter((level) => level > threshold).map((level) => 10 ** (level / 10));
  return Math.sqrt(active.reduce((sum, power) => sum + power, 0) / Math.max(1, active.length));
}

function levelsOf(clip: Buffer): number[] {
  return Array.from({ length: Math.floor(clip.length / 320) }, (_, i) =>
    levelDb(clip.subarray(i * 320, i * 320 + 320)),
  );
}

export interface Trial {
  pcm: Buffer;
  /** Stream time of the true speech onset, ms. */
  onsetMs: number;
  /** Stream time where the clip ends, ms. */
  endMs: number;
}

/** Noise with a clip in it at `leadMs`, the speech `snrDb` above the noise and at a telephone's usual level. */
export function mix(clip: Buffer, noise: Float32Array, leadMs: number, snrDb: number): Trial {
  const speech = toFloat(clip);
  const lead = Math.round((leadMs * RATE) / 1000);
  const SPEECH_RMS = 10 ** (-24 / 20);
  const gain = SPEECH_RMS / speechRms(clip);
  const noiseGain = SPEECH_RMS / 10 ** (snrDb / 20) / rms(noise);
  const pcm = Buffer.alloc(noise.length * 2);
  noise.forEach((sample, i) => {
    const value = sample * noiseGain + (speech[i - lead] ?? 0) * gain;
    pcm.writeInt16LE(Math.max(-32768, Math.min(32767, Math.round(value * 32768))), i * 2);
  });
  return { pcm, onsetMs: leadMs + onsetMs(clip), endMs: leadMs + speech.length / 16 };
}
