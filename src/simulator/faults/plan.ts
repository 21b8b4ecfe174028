import { draw } from '../latency.js';
import type { Chance } from '../random.js';
import type { Faults, ProbableFault, TokenFault } from './grammar.js';

/** What happens to one event on its way to the application. */
export interface EventFate {
  readonly dropped: boolean;
  /** Held back this long while later events pass, ms. */
  readonly heldMs: number;
  /** Sent once more after this time, ms; undefined: once only. */
  readonly againAfterMs: number | undefined;
}

/** What happens to one REST request. */
export interface RequestFate {
  /** Answered with this status and no effect. */
  readonly refuse: 429 | 500 | 503 | undefined;
  /** Answered with 500 though the effect took place. */
  readonly failAfter: boolean;
  /** Never answered though the effect took place. */
  readonly unanswered: boolean;
}

/**
 * The faults of one call, decided by its seed: the n-th event of a type or request of an operation meets the same
 * fate in each run, in whatever order they come.
 */
export class FaultPlan {
  readonly faults: Faults;
  readonly #chance: Chance;
  readonly #counts = new Map<string, number>();

  constructor(faults: Faults, chance: Chance) {
    this.faults = faults;
    this.#chance = chance;
  }

  event(type: string): EventFate {
    const n = this.#next(`event:${type}`);
    const hit = (name: string, list: readonly ProbableFault[]): ProbableFault | undefined =>
      this.#hit(name, list, type, n);
    const late = hit('reorder', this.faults.reorder) ?? hit('delay', this.faults.delay);
    const double = hit('duplicate', this.faults.duplicate);
    return {
      dropped: hit('drop', droppable(this.faults.drop, type)) !== undefined,
      heldMs: late ? draw(late.wait, this.#chance, 'held', type, n) : 0,
      againAfterMs: double ? draw(double.wait, this.#chance, 'again', type, n) : undefined,
    };
  }

  request(operation: string): RequestFate {
    const n = this.#next(`request:${operation}`);
    const hit = (name: string, list: readonly ProbableFault[]): boolean =>
      this.#hit(name, list, operation, n) !== undefined;
    let refuse: RequestFate['refuse'];
    if (hit('error503', this.faults.error503)) refuse = 503;
    else if (hit('error429', this.faults.error429)) refuse = 429;
    else if (hit('error500', this.faults.error500)) refuse = 500;
    return {
      refuse,
      failAfter: hit('error500after', this.faults.error500after),
      unanswered: hit('noAnswer', this.faults.noAnswer),
    };
  }

  /** What is wrong with the next token, if anything. */
  token(): TokenFault | undefined {
    if (this.faults.tokens.length === 0) return undefined;
    const n = this.#next('token');
    return this.faults.tokens.find((entry) => this.#chance.hits(entry.p, 'token', entry.fault, n))?.fault;
  }

  /** Whether this attempt to open a socket fails. */
  socketRefused(name: string): boolean {
    return this.#chance.hits(this.faults.mediaFail, 'mediaFail', name, this.#next(`mediaFail:${name}`));
  }

  /** Whether a garbage frame follows the n-th frame. */
  garbageAfter(frame: number): boolean {
    return this.#chance.hits(this.faults.garbageFrame, 'garbageFrame', frame);
  }

  #hit(name: string, list: readonly ProbableFault[], subject: string, n: number): ProbableFault | undefined {
    const lower = subject.toLowerCase();
    return list.find(
      (fault, index) =>
        (fault.only === undefined || fault.only === lower) &&
        this.#chance.hits(fault.p, name, index, subject, n),
    );
  }

  #next(key: string): number {
    const n = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, n);
    return n;
  }
}

/** Event Grid delivers at least once: IncomingCall is lost only where a fault names it. */
function droppable(faults: readonly ProbableFault[], type: string): readonly ProbableFault[] {
  return type === 'IncomingCall' ? faults.filter((fault) => fault.only !== undefined) : faults;
}
