/**
 * Which words of a sentence were heard when its speech was cut. Voices give no word times, so that words share the
 * sound of the sentence by how much there is to say; silence before, between and after them takes none of it.
 */
import { levelDb, type SampleRate } from '../audio/pcm.js';

/** Sound is looked at in pieces of this length, ms. */
const PIECE_MS = 10;
/** Quieter than the loudest piece by this much is silence, dB. */
const SILENT_DB = 40;
/** What a word takes beside a unit for each letter: for itself, for each syllable, and where a phrase ends. */
const A_WORD = 1;
const A_SYLLABLE = 3;
const AN_END = 4;
const VOWELS = /[aeiouy]+/g;

/** @param pcm PCM16 mono of the whole sentence. @param heardMs how much of it was played */
export function heardWords(text: string, pcm: Buffer, sampleRate: SampleRate, heardMs: number): string {
  if (heardMs <= 0) return '';
  const share = soundShare(pcm, sampleRate, heardMs);
  if (share >= 1) return text;
  const words = text.split(/\s+/).filter((word) => word !== '');
  const lengths = words.map((word, index) => lengthOf(word, index === words.length - 1));
  const limit = share * lengths.reduce((sum, length) => sum + length, 0);
  let at = 0;
  // A word counts when half of it was heard.
  const next = lengths.findIndex((length) => {
    at += length;
    return at - length / 2 > limit;
  });
  return words.slice(0, next < 0 ? words.length : next).join(' ');
}

/** How long a word is drawn, in letters. */
function lengthOf(word: string, last: boolean): number {
  const letters = word
    .normalize('NFD')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '');
  // A silent e at the end is none.
  const sounding = letters.replace(/e$/, '');
  const syllables = sounding.match(VOWELS)?.length ?? 1;
  const end = last || /[,.;:!?]$/.test(word) ? AN_END : 0;
  return A_WORD + sounding.length + A_SYLLABLE * syllables + end;
}

/** How much of the sound in a clip lies before a time, 0 to 1. */
function soundShare(pcm: Buffer, sampleRate: SampleRate, untilMs: number): number {
  const bytes = ((sampleRate * PIECE_MS) / 1000) * 2;
  const levels: number[] = [];
  for (let at = 0; at < pcm.length; at += bytes) levels.push(levelDb(pcm.subarray(at, at + bytes)));
  if (untilMs >= levels.length * PIECE_MS) return 1;
  const threshold = levels.reduce((most, level) => Math.max(most, level), -100) - SILENT_DB;
  const sounding = levels.flatMap((level, piece) => (level > Math.max(threshold, -99) ? [piece] : []));
  const before = sounding.filter((piece) => (piece + 1) * PIECE_MS <= untilMs).length;
  return sounding.length === 0 ? 0 : before / sounding.length;
}
