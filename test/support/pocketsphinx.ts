import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { decodeWav } from '../../src/audio/wav.js';

const MODEL = '/usr/share/pocketsphinx/model/en-us';
/** Recognition takes about a third of the speech's length on a free core; this is for a busy one. */
const DEADLINE_MS = 10 * 60_000;

/**
 * The words in a recording, recognised by Debian's pocketsphinx with its stock English language model and no
 * grammar, so that nothing tells it what to expect.
 * @param wavPath 16-bit PCM WAV, mono, 16 kHz (any other would be understood as noise: it throws)
 * @returns lower-case words, one blank between; '' for silence
 */
export async function transcribe(wavPath: string): Promise<string> {
  const stdout = await recognise(wavPath, []);
  return stdout
    .replace(/\(\d+\)/g, '')
    .split(/\s+/)
    .filter((word) => word !== '')
    .join(' ');
}

async function recognise(wavPath: string, more: readonly string[]): Promise<string> {
  await requireSpeechFormat(wavPath);
  const args = [
    ...['-hmm', `${MODEL}/en-us`],
    ...['-lm', `${MODEL}/en-us.lm.bin`],
    ...['-dict', `${MODEL}/cmudict-en-us.dict`],
    ...['-logfn', '/dev/null'],
    ...['-infile', wavPath],
    ...more,
  ];
  const { stdout } = await promisify(execFile)('pocketsphinx_continuous', args, {
    timeout: DEADLINE_MS,
    maxBuffer: 16 * 1024 ** 2,
  });
  return stdout;
}

/** pocketsphinx takes whatever follows the header for 16 kHz mono, and would find words in it. */
async function requireSpeechFormat(path: string): Promise<void> {
  const { sampleRate, channels } = decodeWav(await readFile(path));
  if (sampleRate !== 16_000 || channels !== 1) {
    throw new RangeError(`${path} has ${channels} channel(s) at ${sampleRate} Hz, wanted 1 at 16000 Hz`);
  }
}

/** When a word was spoken, s from the start of the recording. */
export interface SpokenWord {
  readonly word: string;
  readonly from: number;
  readonly to: number;
}

/** The words of a recording with their times, as `transcribe` understands them. */
export async function wordTimes(wavPath: string): Promise<SpokenWord[]> {
  const lines = (await recognise(wavPath, ['-time', 'yes'])).split('\n');
  return lines.flatMap((line) => {
    const [, word = '', from, to] = /^([a-z][^\s(]*)(?:\(\d+\))? (\d+\.\d+) (\d+\.\d+) /.exec(line) ?? [];
    return word === '' ? [] : [{ word, from: Number(from), to: Number(to) }];
  });
}
