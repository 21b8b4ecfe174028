/** What of a reply was given to the playout, in its order: sentences, a filler, an excuse; and what of it was heard. */
import type { SampleRate } from '../audio/pcm.js';
import type { Clip, Cut, Playout } from './playout.js';
import { heardWords } from './spoken-words.js';

interface Said {
  readonly text: string;
  /** A sentence of the reply; else a filler or an excuse. */
  readonly own: boolean;
}

interface Queued extends Said {
  readonly clip: Clip;
  played: boolean;
  /** Whoever waits for it to be heard waits no more. */
  settle(): void;
}

export class ReplyQueue {
  readonly #playout: Playout;
  readonly #sampleRate: SampleRate;
  readonly #heard: (own: boolean) => void;
  readonly #queued: Queued[] = [];
  /** Settle as what was queued is heard, oldest first, or given up. */
  readonly #ahead: Promise<void>[] = [];

  /** @param heard something was heard to its end; `own`: a sentence of the reply */
  constructor(playout: Playout, sampleRate: SampleRate, heard: (own: boolean) => void) {
    this.#playout = playout;
    this.#sampleRate = sampleRate;
    this.#heard = heard;
  }

  /** @param onStarted its first frame left */
  add(said: Said, pcm: Buffer, onStarted: () => void): void {
    const { promise, settle } = settled();
    const clip: Clip = {
      pcm,
      onStarted,
      onPlayed: () => {
        queued.played = true;
        this.#heard(queued.own);
        settle();
      },
    };
    const queued: Queued = { ...said, clip, played: false, settle };
    this.#queued.push(queued);
    this.#ahead.push(promise);
    this.#playout.play(clip);
  }

  /** Waits until the oldest was heard when so many are ahead. */
  async room(most: number): Promise<void> {
    if (this.#ahead.length >= most) await this.#ahead.shift();
  }

  /** Settles when all was heard or given up. */
  async done(): Promise<void> {
    await Promise.all(this.#ahead);
  }

  giveUp(): void {
    for (const { settle } of this.#queued) settle();
  }

  /** Sentences of the reply that were heard to their end. */
  get heardThrough(): number {
    return this.#queued.filter(({ own, played }) => own && played).length;
  }

  /** What was heard to its end. */
  get heardText(): string {
    return textOf(this.#queued.map(({ text, played }) => (played ? text : '')));
  }

  /** What was heard, the words of a sentence that was cut included. */
  textUntil({ clips }: Cut): string {
    return textOf(
      this.#queued.map(({ text, clip, played }) => {
        const heardMs = clips.find((one) => one.clip === clip)?.heardMs ?? 0;
        return played ? text : heardWords(text, clip.pcm, this.#sampleRate, heardMs);
      }),
    );
  }
}

const textOf = (texts: readonly string[]): string => texts.filter((text) => text !== '').join(' ');

function settled(): { promise: Promise<void>; settle: () => void } {
  let settle = (): void => undefined;
  const promise = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return { promise, settle };
}
