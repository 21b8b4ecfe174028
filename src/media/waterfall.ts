/** Where the time of one turn went, from the end of the caller's words to the first frame of the reply. Pure. */

/** Moments of a turn, in order. */
export const MOMENTS = [
  'speech_end',
  'final',
  'first_token',
  'first_sentence',
  'first_audio',
  'first_frame',
] as const;

export type Moment = (typeof MOMENTS)[number];

/** Steps between them, by name; the last one is what the caller waits after the final words. */
export const STEPS = {
  speech_to_final: ['speech_end', 'final'],
  final_to_token: ['final', 'first_token'],
  token_to_sentence: ['first_token', 'first_sentence'],
  sentence_to_audio: ['first_sentence', 'first_audio'],
  audio_to_frame: ['first_audio', 'first_frame'],
  final_to_frame: ['final', 'first_frame'],
} as const satisfies Record<string, readonly [Moment, Moment]>;

export type Step = keyof typeof STEPS;

/** A voice that fell silent longer before the words came than this had nothing to do with them, ms. */
const MOST_SPEECH_TO_FINAL_MS = 10_000;

export class Waterfall {
  readonly #at = new Map<Moment, number>();

  /**
   * @param finalMs when the final words came, ms of the monotonic clock
   * @param speechEndMs when the voice fell silent, as far as it was heard
   */
  constructor(finalMs: number, speechEndMs?: number) {
    this.#at.set('final', finalMs);
    if (speechEndMs === undefined) return;
    const ms = finalMs - speechEndMs;
    if (ms >= 0 && ms <= MOST_SPEECH_TO_FINAL_MS) this.#at.set('speech_end', speechEndMs);
  }

  /** The first time of a moment counts. */
  reached(moment: Moment, atMs = performance.now()): void {
    if (!this.#at.has(moment)) this.#at.set(moment, atMs);
  }

  /** ms of the monotonic clock by moment, as far as the turn came. */
  get moments(): ReadonlyMap<Moment, number> {
    return this.#at;
  }

  /** ms by step, as far as both of its moments came. */
  steps(): Partial<Record<Step, number>> {
    return Object.fromEntries(
      Object.entries(STEPS).flatMap(([step, [from, to]]) => {
        const [begin, end] = [this.#at.get(from), this.#at.get(to)];
        return begin === undefined || end === undefined ? [] : [[step, Math.max(0, end - begin)]];
      }),
    );
  }
}
