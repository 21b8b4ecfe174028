import { LRUCache } from 'lru-cache';

const MAX_REMEMBERED = 10_000;
const REMEMBERED_MS = 10 * 60_000;

/** An HTTP answer, ready to be written. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Answers a repeated request with what the first one got, also while the first one is under way: the effect takes
 * place once.
 */
export class Repeatability {
  readonly #answers = new LRUCache<string, Promise<Answer>>({ max: MAX_REMEMBERED, ttl: REMEMBERED_MS });

  /** Runs `work` once per key; a failure is not remembered. */
  once(key: string | undefined, work: () => Promise<Answer>): { answer: Promise<Answer>; repeated: boolean } {
    if (key === undefined) return { answer: work(), repeated: false };
    const known = this.#answers.get(key);
    if (known) return { answer: known, repeated: true };
    const answer = work();
    this.#answers.set(key, answer);
    answer.catch(() => this.#answers.delete(key));
    return { answer, repeated: false };
  }
}
