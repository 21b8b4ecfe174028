/**
 * Where an utterance ends when the recogniser does not say so: a pause after its last words that are not final makes
 * them a turn. Finals are the rule; they come half a second after the caller fell silent. A final that comes after all
 * adds what it has more, and is no second turn.
 */
import type { Heard } from './session-services.js';

export interface EndpointSettings {
  /** Silence after the last words until they count as final, ms; 0: only finals count. */
  readonly pauseMs: number;
}

export const ENDPOINT: EndpointSettings = { pauseMs: 2_000 };

/** A voice that brings no words for so many pauses is a noise: it does not hold the turn back. */
const VOICE_WITHOUT_WORDS = 3;
/** Utterances ended here whose final may still come. */
const MOST_ENDED = 4;
const LATE_MS = 30_000;
/** A final that reaches so much further than what was taken holds more words, ms. */
const FURTHER_MS = 300;

export class Endpointing {
  readonly #settings: EndpointSettings;
  readonly #ended: (heard: Heard) => void;
  readonly #done: { readonly heard: Heard; readonly atMs: number }[] = [];
  #open: Heard | undefined;
  #speaking = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param ended takes the words of an utterance whose final did not come, as a final of the same id */
  constructor(settings: EndpointSettings, ended: (heard: Heard) => void) {
    this.#settings = settings;
    this.#ended = ended;
  }

  /** Words that are not final. */
  interim(heard: Heard): void {
    if (this.#settings.pauseMs === 0 || this.#before(heard)) return;
    this.#open = heard;
    this.#arm();
  }

  /** The caller's voice begins or ends. */
  voice(speaking: boolean): void {
    this.#speaking = speaking;
    if (this.#open) this.#arm();
  }

  /** Final words. @returns what of them was not taken yet; undefined: nothing */
  final(heard: Heard): Heard | undefined {
    this.close();
    const before = this.#before(heard);
    if (!before) return heard;
    this.#done.splice(
      this.#done.findIndex((one) => one.heard === before),
      1,
    );
    const more = heard.text.trim().split(/\s+/).slice(wordsOf(before.text).length).join(' ');
    return more !== '' && isFurther(heard, before) ? { ...heard, text: more } : undefined;
  }

  /** What waited for its final will not be a turn by itself. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#open = undefined;
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const ms = this.#settings.pauseMs * (this.#speaking ? VOICE_WITHOUT_WORDS : 1);
    this.#timer = setTimeout(() => {
      const heard = this.#open;
      this.close();
      if (!heard) return;
      this.#done.push({ heard, atMs: performance.now() });
      if (this.#done.length > MOST_ENDED) this.#done.shift();
      this.#ended({ ...heard, final: true });
    }, ms);
  }

  /** What was taken of the same utterance. */
  #before(heard: Heard): Heard | undefined {
    const now = performance.now();
    return this.#done.find((one) => now - one.atMs < LATE_MS && isSame(one.heard, heard))?.heard;
  }
}

/**
 * By the recogniser's own clock where it is known, else by how they begin. A stream that begins anew begins its clock
 * anew: results that share no word are of two utterances, for words said twice are a lesser harm than words lost.
 */
function isSame(taken: Heard, heard: Heard): boolean {
  const [a, b] = [spanOf(taken), spanOf(heard)];
  const [before, words] = [wordsOf(taken.text), wordsOf(heard.text)];
  if (a && b) return a.from < b.to && b.from < a.to && before.some((word) => words.includes(word));
  return before.every((word, index) => words[index] === word);
}

function isFurther(heard: Heard, taken: Heard): boolean {
  const [a, b] = [spanOf(taken), spanOf(heard)];
  return !a || !b || b.to - a.to > FURTHER_MS;
}

/** ms of the recogniser's clock. */
function spanOf({ offsetMs, startedAtMs, endedAtMs }: Heard): { from: number; to: number } | undefined {
  return offsetMs === undefined ? undefined : { from: offsetMs, to: offsetMs + (endedAtMs - startedAtMs) };
}

const wordsOf = (text: string): string[] =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}'\s-]/gu, '')
    .split(/\s+/)
    .filter((word) => word !== '');
