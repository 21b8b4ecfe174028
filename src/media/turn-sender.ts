/**
 * Hands the turns of one call to its actor: numbered per media epoch, one in flight, in order, until Cosmos has them
 * (design §4 rules 4 and 5). An actor that lost some asks for them again by the number it expects; a new attachment
 * numbers everything anew, and turn ids keep that from doubling.
 */
import type { TurnAnswer } from '../actors/call-messages.js';
import type { Answer } from '../actors/ports.js';
import type { TurnOffer } from '../call/turn.js';

export interface SenderHooks {
  send(turnNo: number, offer: TurnOffer): Promise<Answer<TurnAnswer>>;
  /** The session is unknown to the actor: attach again; false when that is not possible now. */
  reattach(): Promise<boolean>;
  /** Another media worker has the call. */
  fenced(): void;
  answered(durable: boolean, ms: number): void;
  lost(reason: string): void;
}

interface Held {
  readonly offer: TurnOffer;
  /** The first answer, durable or not, or the end of patience. */
  readonly answered: (durable: boolean) => void;
  durable: boolean;
}

/** All in ms. */
export interface SenderTiming {
  /** A caller waits this long for its turn to be durable; then the conversation goes on. */
  readonly patience: number;
  readonly firstRetry: number;
  readonly lastRetry: number;
  /** How often turns that are not durable are asked after. */
  readonly recheck: number;
  /** The same for turns that Cosmos may not have: Redis may have lost them since. */
  readonly lookAgain: number;
}

const TIMING: SenderTiming = {
  patience: 1_000,
  firstRetry: 100,
  lastRetry: 1_000,
  recheck: 1_000,
  lookAgain: 5_000,
};
const CLOSING_LOOK_MS = 50;
/** Turns kept for resending. Beyond it the oldest are given up: an hour of talk, or more. */
const MOST_HELD = 2_048;

export class TurnSender {
  readonly #hooks: SenderHooks;
  readonly #timing: SenderTiming;
  /** Turns of this epoch that Cosmos may not have; #held[0] has number #firstNo. */
  #held: Held[] = [];
  #firstNo = 1;
  /** Index in #held of the next one to send. */
  #next = 0;
  #running: Promise<void> | undefined;
  #recheck: NodeJS.Timeout | undefined;
  #retryMs: number;
  /** Attachments since the last turn that was taken. */
  #reattached = 0;
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(hooks: SenderHooks, timing: SenderTiming = TIMING) {
    this.#hooks = hooks;
    this.#timing = timing;
    this.#retryMs = timing.firstRetry;
  }

  /** Ids of the turns that would be sent again. */
  get held(): readonly string[] {
    return this.#held.map(({ offer }) => offer.turnId);
  }

  /** Turns that no answer called durable. */
  get unsettled(): number {
    return this.#held.filter((held) => !held.durable).length;
  }

  /** Hands in a turn. Resolves true once durable, false when the conversation should not wait for it longer. */
  offer(offer: TurnOffer): Promise<boolean> {
    return new Promise((resolve) => {
      const patience = setTimeout(() => resolve(false), this.#timing.patience);
      const answered = (durable: boolean): void => {
        clearTimeout(patience);
        resolve(durable);
      };
      if (this.#closed) {
        this.#hooks.lost('closed');
        answered(false);
        return;
      }
      this.#held.push({ offer, answered, durable: false });
      if (this.#held.length > MOST_HELD) this.#giveUpOldest();
      this.#start();
    });
  }

  /** A new media epoch: what Cosmos may not have is numbered from 1 and sent again. */
  renumber(): void {
    this.#firstNo = 1;
    this.#next = 0;
    this.#start();
  }

  /** Asks after what Cosmos may not have, waits until all is durable, at most `deadlineMs`; then sends no more. */
  async close(deadlineMs: number): Promise<void> {
    const until = performance.now() + deadlineMs;
    this.#askAgain(this.#held.length - 1);
    while (!this.#closed && (this.unsettled > 0 || this.#running) && performance.now() < until) {
      const left = Math.max(1, Math.min(CLOSING_LOOK_MS, until - performance.now()));
      await Promise.race([...(this.#running ? [this.#running] : []), pause(left)]);
    }
    this.abandon('closed');
  }

  abandon(reason: string): void {
    this.#closed = true;
    clearTimeout(this.#recheck);
    this.#wake?.();
    for (const held of this.#held) {
      if (!held.durable) this.#hooks.lost(reason);
      held.answered(held.durable);
    }
    this.#held = [];
    this.#next = 0;
  }

  #start(): void {
    if (this.#closed || this.#running) return;
    const again = (): void => {
      this.#running = undefined;
      if (this.#next < this.#held.length) this.#start();
      else this.#watch();
    };
    this.#running = this.#run().then(again, async () => {
      await this.#pauseBeforeRetry();
      again();
    });
  }

  async #run(): Promise<void> {
    while (!this.#closed && this.#next < this.#held.length) {
      const held = this.#held[this.#next];
      if (!held) return;
      const started = performance.now();
      const answer = await this.#hooks.send(this.#firstNo + this.#next, held.offer);
      if (this.#closed) return;
      if (answer.ok) this.#accepted(held, answer, performance.now() - started);
      else await this.#refused(held, answer);
    }
  }

  #accepted(held: Held, answer: TurnAnswer, ms: number): void {
    this.#retryMs = this.#timing.firstRetry;
    this.#reattached = 0;
    this.#hooks.answered(answer.durable, ms);
    held.answered(answer.durable);
    // Given up for the bound while it was under way.
    if (this.#held[this.#next] !== held) return;
    this.#next += 1;
    // Turns are written in order: a durable one makes those before it durable.
    if (answer.durable) for (const earlier of this.#held.slice(0, this.#next)) earlier.durable = true;
    const forget = Math.min(answer.archivedNo - this.#firstNo + 1, this.#next);
    if (forget > 0) {
      this.#held.splice(0, forget);
      this.#firstNo += forget;
      this.#next -= forget;
    }
  }

  async #refused(held: Held, answer: { code: string; expected?: number }): Promise<void> {
    switch (answer.code) {
      case 'RTV_TURN_GAP': {
        const back = (answer.expected ?? 0) - this.#firstNo;
        if (back >= 0 && back < this.#next) {
          this.#next = back;
          return;
        }
        // It asks for what Cosmos was said to have: its session lost them, and a new epoch counts from here.
        if (await this.#reattach()) return;
        break;
      }
      case 'RTV_CALL_UNKNOWN':
        if (await this.#reattach()) return;
        break;
      case 'RTV_FENCED_MEDIA':
        this.abandon('fenced');
        this.#hooks.fenced();
        return;
      case 'RTV_CALL_ENDED':
      // Nothing more of this call is recorded; it goes on.
      case 'RTV_SUBJECT_ERASED':
        this.abandon(answer.code);
        return;
      case 'RTV_TURN_INVALID':
        // Its number is still free.
        this.#drop(held, answer.code);
        return;
      default:
    }
    await this.#pauseBeforeRetry();
  }

  /** One at once, the next ones after a pause: an actor that refuses what it gave must not be run hot. */
  async #reattach(): Promise<boolean> {
    this.#reattached += 1;
    if (this.#reattached > 1) await this.#pauseBeforeRetry();
    return this.#closed || this.#hooks.reattach();
  }

  #drop(held: Held, reason: string): void {
    const at = this.#held.indexOf(held);
    if (at >= 0) this.#held.splice(at, 1);
    if (!held.durable) this.#hooks.lost(reason);
    held.answered(false);
  }

  async #pauseBeforeRetry(): Promise<void> {
    const ms = this.#retryMs * (0.75 + Math.random() / 2);
    this.#retryMs = Math.min(this.#retryMs * 2, this.#timing.lastRetry);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  /** An actor's host that died takes turns with it that Redis had not, or lost: ask after them. */
  #watch(): void {
    clearTimeout(this.#recheck);
    if (this.#closed || this.#held.length === 0) return;
    const waiting = this.#held.findLastIndex((held) => !held.durable);
    const { recheck, lookAgain } = this.#timing;
    this.#recheck = setTimeout(
      () => this.#askAgain(waiting < 0 ? this.#held.length - 1 : waiting),
      waiting < 0 ? lookAgain : recheck,
    );
  }

  /** Sends a turn that was taken again: what came before it and is missing is asked for by its number. */
  #askAgain(index: number): void {
    this.#next = Math.min(this.#next, Math.max(0, index));
    this.#start();
  }

  #giveUpOldest(): void {
    const oldest = this.#held.shift();
    // One that was never taken leaves its number to the next.
    if (this.#next > 0) {
      this.#firstNo += 1;
      this.#next -= 1;
    }
    if (oldest && !oldest.durable) this.#hooks.lost('bound');
    oldest?.answered(false);
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
