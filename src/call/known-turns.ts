/** Ids of a call's newest turns and where they stand, so that a turn sent again is known under any number. Bounded. */

/** More than a media worker holds for resending (2,048) and an owner lets wait (512). */
const CAPACITY = 4_096;
const WAITS = 0;

export class KnownTurns {
  readonly capacity: number;
  /** Sequence number, or the mark above; the one placed last comes last. */
  readonly #places = new Map<string, number>();

  constructor(capacity = CAPACITY) {
    this.capacity = capacity;
  }

  has(turnId: string): boolean {
    return this.#places.has(turnId);
  }

  /** Its sequence number, 0 while it waits. */
  place(turnId: string): number | undefined {
    return this.#places.get(turnId);
  }

  isPlaced(turnId: string): boolean {
    return (this.#places.get(turnId) ?? WAITS) !== WAITS;
  }

  waits(turnId: string): void {
    this.#set(turnId, WAITS);
  }

  placed(turnId: string, seq: number): void {
    this.#set(turnId, seq);
  }

  forget(turnId: string): void {
    this.#places.delete(turnId);
  }

  #set(turnId: string, place: number): void {
    this.#places.delete(turnId);
    this.#places.set(turnId, place);
    if (this.#places.size <= this.capacity) return;
    for (const [oldest, held] of this.#places) {
      if (held === WAITS) continue;
      this.#places.delete(oldest);
      return;
    }
  }
}
