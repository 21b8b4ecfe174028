/**
 * The turns of one call in the memory of its owner: what is committed, what waits (Redis away), what Cosmos has not
 * yet. Pure; the owner carries the decisions out. Sequence numbers run from 1 without a gap; a turn that waits has
 * none (design §4 rule 3). Bounded: a turn leaves memory once archived and out of the context window.
 */
import { EpochNumbers } from './epoch-numbers.js';
import { KnownTurns } from './known-turns.js';
import type { Numbering, Turn } from './turn.js';

/** A turn with the sealed text as it stands in journal and transcript. */
export interface HeldTurn {
  readonly turn: Turn;
  readonly payload: string;
}

/** A turn as the archive names it. */
export interface ArchivedTurn {
  readonly seq: number;
  readonly turnId: string;
}

export interface Restored {
  readonly turns: readonly HeldTurn[];
  readonly lastSeq: number;
  readonly mediaEpoch: number;
  /** May lag behind the truth. */
  readonly archivedThrough: number;
}

export class TurnLedger {
  /** Committed turns that Cosmos may not have, by sequence number. */
  readonly #unarchived = new Map<number, HeldTurn>();
  /** Turns that wait for Redis, in order. */
  #waiting: HeldTurn[] = [];
  #waitingBytes = 0;
  readonly #numbers = new EpochNumbers();
  #lastSeq = 0;
  #archivedThrough = 0;
  readonly #archivedAhead = new Set<number>();
  readonly #known = new KnownTurns();
  /** Numbers whose turn has moved to another: their journal entries must go. */
  readonly #voids = new Set<number>();

  get lastSeq(): number {
    return this.#lastSeq;
  }

  get mediaEpoch(): number {
    return this.#numbers.epoch;
  }

  /** Last number accepted in the current media epoch, waiting ones included. */
  get lastTurnNo(): number {
    return this.#numbers.last;
  }

  get waiting(): readonly HeldTurn[] {
    return this.#waiting;
  }

  /** Bytes of the sealed turns that wait. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Highest number up to which Cosmos has everything. */
  get archivedThrough(): number {
    return this.#archivedThrough;
  }

  get unarchivedCount(): number {
    return this.#unarchived.size;
  }

  get voids(): readonly number[] {
    return [...this.#voids];
  }

  /** The journal holds nothing under these any more. */
  voided(seqs: readonly number[]): void {
    for (const seq of seqs) this.#voids.delete(seq);
  }

  /** Starts numbering anew for a media epoch. Turns that wait keep their place. */
  openEpoch(mediaEpoch: number): void {
    this.#numbers.open(mediaEpoch);
  }

  /** Takes over what the journal holds at activation. */
  restore({ turns, lastSeq, mediaEpoch, archivedThrough }: Restored): void {
    this.openEpoch(mediaEpoch);
    this.#lastSeq = lastSeq;
    this.#archivedThrough = archivedThrough;
    const held = new Set<number>();
    for (const one of turns) {
      this.#place(one);
      held.add(one.turn.seq);
    }
    // Nothing can be archived from here for a number without an entry.
    for (let seq = archivedThrough + 1; seq <= lastSeq; seq += 1) {
      if (!held.has(seq)) this.#archivedAhead.add(seq);
    }
    this.#advance();
  }

  /** What a turn is that came under a number of the current epoch. */
  numbering(turnNo: number, turnId: string): Numbering {
    return this.#numbers.numbering(turnNo, turnId, this.knows(turnId));
  }

  /** Whether a turn of this id is held already, under whatever number. */
  knows(turnId: string): boolean {
    return this.#known.has(turnId);
  }

  /** Where a known turn stands: its sequence number, 0 while it waits. */
  seqOf(turnId: string): number {
    return this.#known.place(turnId) ?? 0;
  }

  /** Whether it is written down for good: in Redis, or in the archive. */
  isDurable(turnId: string): boolean {
    return this.#known.isPlaced(turnId);
  }

  /** Number of the epoch up to which, from `from` on, all turns are archived. */
  archivedNumber(from: number): number {
    return this.#numbers.archivedFrom(from, (turnId) => {
      const place = this.#known.place(turnId);
      return place !== undefined && place > 0 && place <= this.#archivedThrough;
    });
  }

  /** Accepts a turn that is next in its epoch (or of no number: 0); it waits until `committed`. */
  accept(held: HeldTurn): void {
    this.#waiting.push(held);
    this.#waitingBytes += held.payload.length;
    this.#known.waits(held.turn.turnId);
    this.#numbers.take(held.turn);
  }

  /** A known turn came again under a new number, after a new attachment: the number is taken by it. */
  acknowledgeAgain(turnNo: number, turnId: string): void {
    this.#numbers.take({ mediaEpoch: this.mediaEpoch, turnNo, turnId });
  }

  /** Takes back a turn that was accepted last and must not wait (bound reached). */
  retract(held: HeldTurn): void {
    if (this.#waiting.at(-1) !== held) return;
    this.#waiting.pop();
    this.#waitingBytes -= held.payload.length;
    this.#known.forget(held.turn.turnId);
    this.#numbers.giveBack(held.turn);
  }

  /** The first `count` waiting turns were committed after `fromSeq`. */
  committed(count: number, fromSeq: number): void {
    const done = this.#waiting.splice(0, count);
    for (const [index, held] of done.entries()) {
      this.#waitingBytes -= held.payload.length;
      this.#hold({ payload: held.payload, turn: { ...held.turn, seq: fromSeq + index + 1 } });
    }
    this.#lastSeq = Math.max(this.#lastSeq, fromSeq + done.length);
  }

  /**
   * Entries of the journal that another owner wrote, in order. One after the last number is committed as it stands,
   * also if it waited here; one whose number is taken here waits for another, before what was never acknowledged.
   * @returns those that were not known
   */
  adopt(entries: readonly HeldTurn[]): HeldTurn[] {
    const foreign = entries.filter(
      ({ turn }) => !this.#known.isPlaced(turn.turnId) && !this.#isForgotten(turn.seq),
    );
    const unknown = foreign.filter(({ turn }) => !this.knows(turn.turnId));
    const ids = new Set(foreign.map(({ turn }) => turn.turnId));
    const moved: HeldTurn[] = [];
    for (const held of foreign) {
      if (held.turn.seq > this.#lastSeq) {
        this.#lastSeq = held.turn.seq;
        this.#hold(held);
      } else {
        moved.push({ payload: held.payload, turn: { ...held.turn, seq: 0 } });
        this.#known.waits(held.turn.turnId);
      }
      this.#numbers.take(held.turn);
    }
    this.#wait([...moved, ...this.#waiting.filter(({ turn }) => !ids.has(turn.turnId))]);
    return unknown;
  }

  /** Cosmos has exactly these. Under a number that is another turn's here, nothing is concluded: see `reconcile`. */
  archived(turns: readonly ArchivedTurn[]): void {
    for (const { seq, turnId } of turns) {
      const held = this.#unarchived.get(seq);
      if (seq > this.#lastSeq || (held && held.turn.turnId !== turnId)) continue;
      this.#unarchived.delete(seq);
      if (seq > this.#archivedThrough) this.#archivedAhead.add(seq);
    }
    this.#advance();
  }

  /**
   * Brings memory in line with what the archive holds: what is there is archived. A turn whose number another one has
   * there moves behind the archive's last one, with all that come after it. @returns whether numbers changed
   */
  reconcile(found: readonly ArchivedTurn[]): boolean {
    const places = new Map(found.map(({ turnId, seq }) => [turnId, seq]));
    const taken = new Set(places.values());
    const before = this.unarchived();
    const rest = before.filter(({ turn }) => !places.has(turn.turnId));
    const from = rest.findIndex(({ turn }) => taken.has(turn.seq));
    const moved = from < 0 ? [] : rest.splice(from);
    const tail = Math.max(0, ...taken);
    const lastBefore = this.#lastSeq;
    this.#unarchived.clear();
    for (const held of rest) this.#hold(held);
    this.#lastSeq = Math.max(tail, moved.length > 0 ? (rest.at(-1)?.turn.seq ?? 0) : this.#lastSeq);
    for (const held of moved) {
      this.#lastSeq += 1;
      this.#hold({ payload: held.payload, turn: { ...held.turn, seq: this.#lastSeq } });
    }
    this.#wait(this.#waiting.filter(({ turn }) => !places.has(turn.turnId)));
    for (const [turnId, seq] of places) this.#known.placed(turnId, seq);
    for (const seq of [...taken, ...before.map(({ turn }) => turn.seq)]) {
      if (this.#unarchived.has(seq)) continue;
      if (seq > this.#archivedThrough && seq <= this.#lastSeq) this.#archivedAhead.add(seq);
    }
    for (const { turn } of before) {
      const left = places.get(turn.turnId) !== turn.seq && !this.#unarchived.has(turn.seq);
      if (left) this.#voids.add(turn.seq);
    }
    this.#advance();
    return moved.length > 0 || this.#lastSeq !== lastBefore;
  }

  /** What Cosmos does not have, in order; from after a number on. */
  unarchived(after = 0): HeldTurn[] {
    return [...this.#unarchived.values()]
      .filter(({ turn }) => turn.seq > after)
      .sort((a, b) => a.turn.seq - b.turn.seq);
  }

  #wait(turns: HeldTurn[]): void {
    this.#waiting = turns;
    this.#waitingBytes = turns.reduce((sum, { payload }) => sum + payload.length, 0);
  }

  #place(held: HeldTurn): void {
    const { turn } = held;
    this.#numbers.take(turn);
    if (turn.seq > this.#archivedThrough) this.#hold(held);
    else this.#known.placed(turn.turnId, turn.seq);
  }

  #hold(held: HeldTurn): void {
    this.#unarchived.set(held.turn.seq, held);
    this.#known.placed(held.turn.turnId, held.turn.seq);
    this.#voids.delete(held.turn.seq);
  }

  #advance(): void {
    while (this.#archivedAhead.delete(this.#archivedThrough + 1)) this.#archivedThrough += 1;
  }

  /** So long ago that its id may not be remembered. */
  #isForgotten(seq: number): boolean {
    return seq <= this.#archivedThrough && seq <= this.#lastSeq - this.#known.capacity;
  }
}
