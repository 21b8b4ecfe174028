/**
 * Callers who were erased (design §4 rule 11). The tombstone is raised before the caller's key is destroyed and the
 * records are deleted; from then on nothing of what was begun before may be written again: not by an owner that had it
 * in memory, not by an archiver in whose queue it waits. Erased is not absent. Pure.
 */

export interface Tombstone {
  /** The caller's pseudonym. */
  readonly subjectId: string;
  /** Unix ms. */
  readonly erasedAtMs: number;
}

/** Clocks of workers differ by so much at most: a call begun within it counts as begun before, ms. */
const CLOCK_SKEW_MS = 5_000;
/** Tombstones known to a process; beyond it the oldest fall out, and the permanent tier is asked. */
const MOST_KNOWN = 100_000;
/** Callers of whom the permanent tier said that they were not erased. */
const MOST_ASKED = 20_000;
/** How long that answer holds, ms. */
export const ANSWER_HOLDS_MS = 30_000;
/**
 * From raising a tombstone until no write that did not see it can still arrive: an answer that holds, and the longest
 * write. Only then may the key be destroyed and the records be deleted, ms.
 */
export const TOMBSTONE_SETTLES_MS = ANSWER_HOLDS_MS + 30_000;

/** A caller who calls again later begins anew; what was begun before, or at a time unknown, is covered. */
const covers = (erasedAtMs: number, bornAtMs: number): boolean => !(bornAtMs > erasedAtMs + CLOCK_SKEW_MS);

export type Standing = 'erased' | 'free' | 'unknown';

/** What one process knows of tombstones, and until when it may act on it. */
export class KnownTombstones {
  readonly #now: () => number;
  readonly #raised = new Map<string, number>();
  readonly #asked = new Map<string, number>();

  /** @param now monotonic, ms */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Learns of tombstones, from whichever tier; a later one of the same caller counts. */
  learn(tombstones: readonly Tombstone[]): void {
    for (const { subjectId, erasedAtMs } of tombstones) {
      const known = this.#raised.get(subjectId);
      if (known !== undefined && known >= erasedAtMs) continue;
      this.#raised.delete(subjectId);
      keep(this.#raised, subjectId, erasedAtMs, MOST_KNOWN);
    }
  }

  /** The permanent tier was asked at `askedAtMs` (monotonic) and answered. */
  answered(subjectId: string, found: Tombstone | undefined, askedAtMs: number): void {
    if (found) this.learn([found]);
    this.#asked.delete(subjectId);
    keep(this.#asked, subjectId, askedAtMs, MOST_ASKED);
  }

  /** Whether something begun then is of a caller known to be erased since. */
  isErased(subjectId: string, bornAtMs: number): boolean {
    const erasedAtMs = this.#raised.get(subjectId);
    return erasedAtMs !== undefined && covers(erasedAtMs, bornAtMs);
  }

  /** unknown: the permanent tier must be asked before something of this caller is written there. */
  standing(subjectId: string, bornAtMs: number): Standing {
    if (this.isErased(subjectId, bornAtMs)) return 'erased';
    const askedAtMs = this.#asked.get(subjectId);
    return askedAtMs !== undefined && this.#now() - askedAtMs < ANSWER_HOLDS_MS ? 'free' : 'unknown';
  }

  /** The latest erasure known, Unix ms; 0 when there is none. */
  get newestMs(): number {
    return Math.max(0, ...this.#raised.values());
  }
}

function keep<V>(map: Map<string, V>, key: string, value: V, most: number): void {
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= most) return;
    map.delete(oldest);
  }
}
