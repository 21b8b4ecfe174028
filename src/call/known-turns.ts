/** Ids of a call's newest turns and where they stand, so that a turn sent again is known under any number. Bounded. */

/** More than a media worker holds for resending (2,048) and an owner lets wait (512). */
const CAPACITY = 4_096;
const WAITS = 0;
const ELSEWHERE = -1;

export class KnownTurns {
  readonly capacity: number;
  /** Sequence number, or one of the marks above; the one placed last comes last. */
  readonly #places = new Map<string, number>();

  constructor(capacity = CAPACITY) {
    this.capacity = capacity;
  }

  has(turnId: string): boolean {
    return this.#places.has(turnId);
  }

  /** Above 0 its sequence number, 0 while it waits, below 0 in an earlier lineage of the call. */
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

  elsewhere(turnId: string): void {
    this.#set(turnId, ELSEWHERE);
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
