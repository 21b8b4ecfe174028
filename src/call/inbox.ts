/**
 * Each event once. The inbox remembers the newest ids, bounded; what slips past after very many events, or after a
 * new activation, does no harm, since the reducer merges facts in any number and order.
 */
import type { CallFact } from './events.js';

export class Inbox {
  readonly #seen = new Set<string>();
  readonly #capacity: number;

  constructor(capacity = 512) {
    this.#capacity = capacity;
  }

  /** Whether the fact is new; remembers it. */
  admit(fact: Pick<CallFact, 'id'>): boolean {
    if (this.#seen.has(fact.id)) return false;
    this.#seen.add(fact.id);
    if (this.#seen.size > this.#capacity) {
      const oldest = this.#seen.values().next();
      if (!oldest.done) this.#seen.delete(oldest.value);
    }
    return true;
  }
}
