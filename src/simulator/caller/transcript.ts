import { TICKS_PER_MS, type TranscribedWord } from '../media/messages.js';

/** A word's share of an utterance grows with its letters; the pause between two words counts as one letter. */
export function wordTimes(text: string, startMs: number, durationMs: number): TranscribedWord[] {
  const words = text.split(/\s+/).filter((word) => word !== '');
  const letters = words.reduce((sum, word) => sum + word.length + 1, 0);
  if (letters === 0) return [];
  const perLetter = durationMs / letters;
  let at = startMs;
  return words.map((word) => {
    const duration = perLetter * word.length;
    const timed = {
      text: word,
      offset: Math.round(at * TICKS_PER_MS),
      duration: Math.round(duration * TICKS_PER_MS),
    };
    at += duration + perLetter;
    return timed;
  });
}

/** The words that have been spoken completely at a time of the transcript's own timeline, ms. */
export function wordsUntil(words: readonly TranscribedWord[], ms: number): TranscribedWord[] {
  const ticks = ms * TICKS_PER_MS;
  return words.filter((word) => word.offset + word.duration <= ticks);
}
