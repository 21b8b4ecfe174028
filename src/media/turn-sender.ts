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

/** A caller waits this long for its turn to be durable; then the conversation goes on, ms. */
const PATIENCE_MS = 1_000;
const RETRY_MS = { first: 100, most: 1_000 };
/** How often turns that are not durable are asked after, ms. */
const RECHECK_MS = 1_000;
/** Turns kept for resending. Beyond it the oldest are given up: an hour of talk, or more. */
const MOST_HELD = 2_048;

export class TurnSender {
  readonly #hooks: SenderHooks;
  /** Turns of this epoch that Cosmos may not have; #held[0] has number #firstNo. */
  #held: Held[] = [];
  #firstNo = 1;
  /** Index in #held of the next one to send. */
  #next = 0;
  #running: Promise<void> | undefined;
  #recheck: NodeJS.Timeout | undefined;
  #retryMs = RETRY_MS.first;
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(hooks: SenderHooks) {
    this.#hooks = hooks;
  }

  /** Turns that no answer called durable. */
  get unsettled(): number {
    return this.#held.filter((held) => !held.durable).length;
  }

  /** Hands in a turn. Resolves true once durable, false when the conversation should not wait for it longer. */
  offer(offer: TurnOffer): Promise<boolean> {
    return new Promise((resolve) => {
      const patience = setTimeout(() => resolve(false), PATIENCE_MS);
      const answered = (durable: boolean): void => {
        clearTimeout(patience);
        resolve(durable);
      };
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

  /** Waits until all turns had an answer, at most `deadlineMs`; then sends no more. */
  async close(deadlineMs: number): Promise<void> {
    const until = performance.now() + deadlineMs;
    while (this.#running && performance.now() < until) {
      await Promise.race([this.#running, pause(Math.max(1, until - performance.now()))]);
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
    this.#running = this.#run().finally(() => {
      this.#running = undefined;
      if (this.#next < this.#held.length) this.#start();
      else this.#watch();
    });
  }

  async #run(): Promise<void> {
    while (!this.#closed && this.#next < this.#held.length) {
      const index = this.#next;
      const held = this.#held[index];
      if (!held) return;
      const started = performance.now();
      const answer = await this.#hooks.send(this.#firstNo + index, held.offer);
      if (this.#closed) return;
      if (answer.ok) this.#accepted(held, answer, performance.now() - started);
      else await this.#refused(answer);
    }
  }

  #accepted(held: Held, answer: TurnAnswer, ms: number): void {
    this.#retryMs = RETRY_MS.first;
    this.#next += 1;
    this.#hooks.answered(answer.durable, ms);
    held.answered(answer.durable);
    // Turns are written in order: a durable one makes those before it durable.
    if (answer.durable) for (const earlier of this.#held.slice(0, this.#next)) earlier.durable = true;
    const forget = Math.min(answer.archivedNo - this.#firstNo + 1, this.#next);
    if (forget > 0) {
      this.#held.splice(0, forget);
      this.#firstNo += forget;
      this.#next -= forget;
    }
  }

  async #refused(answer: { code: string; expected?: number }): Promise<void> {
    switch (answer.code) {
      case 'RTV_TURN_GAP': {
        const back = (answer.expected ?? this.#firstNo) - this.#firstNo;
        if (back >= 0 && back < this.#next) {
          this.#next = back;
          return;
        }
        break;
      }
      case 'RTV_CALL_UNKNOWN':
        if (await this.#hooks.reattach()) return;
        break;
      case 'RTV_FENCED_MEDIA':
        this.abandon('fenced');
        this.#hooks.fenced();
        return;
      case 'RTV_CALL_ENDED':
      case 'RTV_TURN_INVALID':
        this.abandon(answer.code);
        return;
      default:
    }
    await this.#pauseBeforeRetry();
  }

  async #pauseBeforeRetry(): Promise<void> {
    const ms = this.#retryMs * (0.75 + Math.random() / 2);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS.most);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  /** An actor's host that died takes waiting turns with it: ask after them, so that they are sent again. */
  #watch(): void {
    clearTimeout(this.#recheck);
    if (this.#closed) return;
    const last = this.#held.findLastIndex((held) => !held.durable);
    if (last < 0) return;
    this.#recheck = setTimeout(() => {
      this.#next = Math.min(this.#next, last);
      this.#start();
    }, RECHECK_MS);
  }

  #giveUpOldest(): void {
    const oldest = this.#held.shift();
    this.#firstNo += 1;
    this.#next = Math.max(0, this.#next - 1);
    if (oldest && !oldest.durable) this.#hooks.lost('bound');
    oldest?.answered(false);
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
