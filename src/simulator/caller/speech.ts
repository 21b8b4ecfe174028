import { open } from 'node:fs/promises';
import { extname } from 'node:path';
import { LRUCache } from 'lru-cache';
import { FlitePool } from '../../audio/flite.js';
import { frames as cutFrames } from '../../audio/pcm.js';
import { resample } from '../../audio/resample.js';
import { decodeWav } from '../../audio/wav.js';
import { messageOf, SimError } from '../errors.js';
import type { MediaRate } from '../media/messages.js';
import { isVoice } from '../media/playout.js';
import type { ScriptLine } from './script.js';

const CACHE_UTTERANCES = 500;
const MAX_WAV_BYTES = 32 * 1024 * 1024;
const SYNTHESIS_RATE = 16_000;
const FLITE_THREADS = 1;

/** One frame of speech, ready for the recorder and for the wire. */
export interface SpeechFrame {
  readonly pcm: Buffer;
  readonly base64: string;
}

/** Something the caller says: 20 ms frames without silence around them. */
export interface Utterance {
  readonly text: string;
  readonly frames: readonly SpeechFrame[];
}

/** Speaks the callers' lines; what was spoken once is kept. */
export class Speech {
  readonly #pool = new FlitePool({ threads: FLITE_THREADS });
  /** Sound alone: many callers may say the same with other words in mind. */
  readonly #spoken = new LRUCache<string, Promise<readonly SpeechFrame[]>>({ max: CACHE_UTTERANCES });

  /** The utterance of a line at a sample rate; undefined for a line without words. */
  async utterance(line: ScriptLine, voice: string, rate: MediaRate): Promise<Utterance | undefined> {
    const { say, wav } = line;
    if (wav === undefined && say === undefined) return undefined;
    const frames =
      wav !== undefined
        ? this.#cached(JSON.stringify(['wav', wav, rate]), () => readWav(wav, rate), rate)
        : this.#cached(
            JSON.stringify(['say', voice, say, rate]),
            () => this.speak(say ?? '', voice, rate),
            rate,
          );
    return { text: line.text ?? say ?? '', frames: await frames };
  }

  /** PCM16 mono of a text. Throws RTV_SIM_SPEECH_FAILED. */
  async speak(text: string, voice: string, rate: MediaRate): Promise<Buffer> {
    try {
      const pcm = await this.#pool.synthesize(text, { voice, sampleRate: SYNTHESIS_RATE });
      return rate === SYNTHESIS_RATE ? pcm : await resample(pcm, SYNTHESIS_RATE, rate);
    } catch (error) {
      throw new SimError('RTV_SIM_SPEECH_FAILED', `the voice ${voice} gave no speech: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }

  #cached(key: string, make: () => Promise<Buffer>, rate: MediaRate): Promise<readonly SpeechFrame[]> {
    const known = this.#spoken.get(key);
    if (known) return known;
    const made = make().then((pcm) => spokenFrames(pcm, rate));
    this.#spoken.set(key, made);
    made.catch(() => this.#spoken.delete(key));
    return made;
  }
}

/** Reads a WAV file as PCM16 mono of the given rate. Throws RTV_SIM_WAV_INVALID, without what the file holds. */
export async function readWav(path: string, rate: MediaRate): Promise<Buffer> {
  if (extname(path).toLowerCase() !== '.wav') {
    throw new SimError('RTV_SIM_WAV_INVALID', 'only .wav files are played');
  }
  const bytes = await readBounded(path);
  try {
    return await fromWav(bytes, rate);
  } catch (error) {
    throw new SimError('RTV_SIM_WAV_INVALID', `the WAV file cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Decodes a WAV, keeps its first channel and resamples it. */
export async function fromWav(bytes: Buffer, rate: MediaRate): Promise<Buffer> {
  const { pcm, sampleRate, channels } = decodeWav(bytes);
  const mono = channels === 1 ? pcm : firstChannel(pcm, channels);
  return sampleRate === rate ? mono : resample(mono, sampleRate, rate);
}

async function readBounded(path: string): Promise<Buffer> {
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      if (size > MAX_WAV_BYTES) throw new Error(`the file is larger than ${MAX_WAV_BYTES} bytes`);
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new SimError('RTV_SIM_WAV_INVALID', `the WAV file cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function firstChannel(pcm: Buffer, channels: number): Buffer {
  const samples = Math.floor(pcm.length / 2 / channels);
  const out = Buffer.alloc(samples * 2);
  for (let i = 0; i < samples; i++) out.writeInt16LE(pcm.readInt16LE(i * 2 * channels), i * 2);
  return out;
}

/** Cuts into frames and trims silence at both ends, so that the end of the frames is the end of the speech. */
function spokenFrames(pcm: Buffer, rate: MediaRate): readonly SpeechFrame[] {
  const all = [...cutFrames(pcm, rate)];
  const first = all.findIndex(isVoice);
  const last = all.findLastIndex(isVoice);
  const spoken = first < 0 ? all : all.slice(first, last + 1);
  return spoken.map((frame) => ({ pcm: frame, base64: frame.toString('base64') }));
}
