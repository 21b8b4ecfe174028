/**
 * What callers say and what is heard behind them: human recordings (Debian's pocketsphinx-testdata) and flite voices
 * that the agent does not have, noises, backchannels. PCM16 mono at 16 kHz.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FlitePool } from '../../../src/audio/flite.js';
import { decodeWav } from '../../../src/audio/wav.js';
import { babble, onsetMs, pick, rms, seeded, toFloat, whiteNoise } from '../../speech/vad-trials.js';

export type NoiseKind = 'white' | 'babble';

export const NOISES: readonly NoiseKind[] = ['white', 'babble'];

export interface Clip {
  readonly pcm: Buffer;
  readonly from: 'human' | 'flite';
  /** Where speech becomes audible, ms from the clip's start. */
  readonly onsetMs: number;
}

export interface Material {
  /** Interruptions: each is speech for over a second. */
  readonly clips: readonly Clip[];
  /** "Uh-huh" and the like, with their words. */
  readonly backchannels: readonly { readonly pcm: Buffer; readonly text: string }[];
  /** Slams, clicks, coughs: samples at the level of speech. */
  readonly bangs: readonly Float32Array[];
  /** NOISE_MS of it with an RMS of 1; repeated without a seam. */
  readonly noise: Readonly<Record<NoiseKind, Float32Array>>;
}

/** Speech on a telephone line, RMS of full scale. */
export const SPEECH_RMS = 10 ** (-24 / 20);
const RATE = 16_000;
const NOISE_MS = 30_000;
const HUMAN = '/usr/share/pocketsphinx/test/data';
/** Voices of the callers; the agent's is kal16. */
const VOICES = ['slt', 'rms', 'awb'] as const;
const LINES = [
  'No, that is not what I meant.',
  'Wait, please stop for a moment.',
  'Excuse me, can I ask something else?',
  'Hold on, I have the number here.',
  'Sorry, could you say that again?',
  'I already told you my name.',
  'Please listen, this is important.',
  'That is wrong, it happened on Tuesday.',
  'Could I speak to a person, please?',
  'Yes, but the other car was blue.',
];
const TALK = [
  'The weather report says that it will rain in the north tomorrow, and the trains are running late again.',
  'We went to the market on Saturday morning, and came back with far too many apples and a small table.',
  'My brother has moved to another town, so we see each other less often than we did some years ago.',
];
/** Those that flite says as people do; it spells "mm-hmm". */
const BACKCHANNELS = ['Uh-huh.', 'Oh.', 'Okay.', 'Yeah.', 'Right.', 'I see.'];
/** What one interruption lasts at most, ms. */
const LONGEST_MS = 3_000;
const SHORTEST_MS = 1_000;
/** A pause in a reading, after which another phrase begins, ms. */
const PAUSE_MS = 250;

export async function makeMaterial(seed = 7): Promise<Material> {
  const pool = new FlitePool({ threads: 1 });
  try {
    return await materialOf(pool, seed);
  } finally {
    await pool.close();
  }
}

async function materialOf(pool: FlitePool, seed: number): Promise<Material> {
  const random = seeded(seed);
  const say = (text: string, voice: string): Promise<Buffer> =>
    pool.synthesize(text, { voice, sampleRate: RATE });
  const every = <T>(texts: readonly string[], make: (text: string, voice: string) => Promise<T>) =>
    Promise.all(texts.flatMap((text) => VOICES.map((voice) => make(text, voice))));

  const flite = await every(LINES, async (text, voice) => clipOf(await say(text, voice), 'flite'));
  const human = (await humanPhrases()).map((pcm) => clipOf(pcm, 'human'));
  const talkers = await every(TALK, say);
  const samples = (NOISE_MS * RATE) / 1000;
  return {
    clips: interleave(human, flite),
    backchannels: await every(BACKCHANNELS, async (text, voice) => ({
      pcm: trimmed(await say(text, voice)),
      text,
    })),
    bangs: Array.from({ length: 24 }, (_, index) => bang(index, random)),
    noise: {
      white: whiteNoise(samples, random),
      babble: levelled(babble(samples, talkers, 8, random)),
    },
  };
}

function clipOf(pcm: Buffer, from: Clip['from']): Clip {
  const cut = pcm.subarray(0, (LONGEST_MS * RATE * 2) / 1000);
  return { pcm: cut, from, onsetMs: onsetMs(cut) };
}

/** Human and synthetic by turns, so that each kind is half of any run. */
function interleave(a: readonly Clip[], b: readonly Clip[]): Clip[] {
  const length = Math.max(a.length, b.length);
  return Array.from({ length }, (_, index) => [a[index % a.length], b[index % b.length]]).flatMap((pair) =>
    pair.filter((clip) => clip !== undefined),
  );
}

/** The recordings, cut at the readers' pauses. */
async function humanPhrases(): Promise<Buffer[]> {
  const wavs = await Promise.all(
    ['librivox', 'cards'].map(async (folder) => {
      const names = (await readdir(join(HUMAN, folder))).filter((name) => name.endsWith('.wav')).sort();
      return Promise.all(names.map(async (name) => decodeWav(await readFile(join(HUMAN, folder, name))).pcm));
    }),
  );
  const raws = await Promise.all(
    ['goforward.raw', 'numbers.raw', 'something.raw'].map((name) => readFile(join(HUMAN, name))),
  );
  return [...wavs.flat(), ...raws].flatMap(phrases);
}

/** Levels of 10 ms each, dBFS. */
function levels(pcm: Buffer): number[] {
  const samples = toFloat(pcm);
  return Array.from(
    { length: Math.floor(samples.length / 160) },
    (_, index) => 20 * Math.log10(rms(samples.subarray(index * 160, index * 160 + 160)) + 1e-6),
  );
}

function phrases(pcm: Buffer): Buffer[] {
  const all = levels(pcm);
  const threshold = Math.max(...all) - 30;
  const spans: { from: number; to: number }[] = [];
  all.forEach((level, at) => {
    if (level <= threshold) return;
    const last = spans.at(-1);
    if (last && (at - last.to) * 10 < PAUSE_MS) last.to = at;
    else spans.push({ from: at, to: at });
  });
  return spans
    .filter(({ from, to }) => (to - from) * 10 >= SHORTEST_MS)
    .map(({ from, to }) => pcm.subarray(Math.max(0, from - 5) * 320, (to + 5) * 320));
}

/** Without the silence before and after. */
function trimmed(pcm: Buffer): Buffer {
  const all = levels(pcm);
  const threshold = Math.max(...all) - 30;
  const first = all.findIndex((level) => level > threshold);
  const last = all.findLastIndex((level) => level > threshold);
  return pcm.subarray(first * 320, (last + 1) * 320);
}

function levelled(samples: Float32Array): Float32Array {
  const level = rms(samples);
  return samples.map((sample) => sample / level);
}

/** A slam (sharp, 100 to 250 ms), a click (10 ms), or a cough (rounder, 200 to 350 ms). */
function bang(index: number, random: () => number): Float32Array {
  const kind = index % 3;
  const lengthMs = kind === 0 ? 100 + 150 * random() : kind === 1 ? 10 : 200 + 150 * random();
  const samples = Math.round((lengthMs * RATE) / 1000);
  const noise = whiteNoise(samples, random);
  let low = 0;
  return noise.map((sample, at) => {
    const part = at / samples;
    const envelope = kind === 2 ? Math.sin(Math.PI * part) ** 2 : Math.exp(-5 * part);
    // A cough and a slam are dark, a click is not.
    low += (sample - low) * (kind === 1 ? 1 : 0.25);
    return low * envelope * 2 * SPEECH_RMS;
  });
}

export { pick, seeded };
