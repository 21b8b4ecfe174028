/**
 * The turns of one call in the memory of its owner: what is committed, what waits (Redis away), what Cosmos has not
 * yet. Pure; the owner carries the decisions out. Sequence numbers run from 1 without a gap; a turn that waits has
 * none (design §4 rule 3). Bounded: a turn leaves memory once archived and out of the context window.
 */
import { type Numbering, numberTurn, type Turn } from './turn.js';

/** A turn with the sealed text as it stands in journal and transcript. */
export interface HeldTurn {
  readonly turn: Turn;
  readonly payload: string;
}

interface Answered {
  readonly turnId: string;
}

/** Turn ids remembered for deduplication across media epochs. */
const KNOWN_IDS = 1_024;

export class TurnLedger {
  /** Committed turns that Cosmos may not have, by sequence number. */
  readonly #unarchived = new Map<number, HeldTurn>();
  /** Turns that wait for Redis, in order. */
  #waiting: HeldTurn[] = [];
  #waitingBytes = 0;
  /** Answers for the numbers of the current media epoch: index turnNo - 1. */
  #answers: Answered[] = [];
  #mediaEpoch = 0;
  #lastSeq = 0;
  #archivedThrough = 0;
  readonly #archivedAhead = new Set<number>();
  /** Sequence number by turn id, newest KNOWN_IDS: a turn sent again under another number is known. */
  readonly #byId = new Map<string, number>();

  get lastSeq(): number {
    return this.#lastSeq;
  }

  get mediaEpoch(): number {
    return this.#mediaEpoch;
  }

  /** Last number accepted in the current media epoch, waiting ones included. */
  get lastTurnNo(): number {
    return this.#answers.length;
  }

  get waiting(): readonly HeldTurn[] {
    return this.#waiting;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Highest number up to which Cosmos has everything. */
  get archivedThrough(): number {
    return this.#archivedThrough;
  }

  /** Starts numbering anew for a media epoch. Turns that wait keep their place. */
  openEpoch(mediaEpoch: number): void {
    this.#mediaEpoch = mediaEpoch;
    this.#answers = [];
  }

  /** Takes over what the journal holds at activation. `archivedThrough` may lag behind the truth. */
  restore(turns: readonly HeldTurn[], lastSeq: number, mediaEpoch: number, archivedThrough: number): void {
    this.#lastSeq = lastSeq;
    this.#mediaEpoch = mediaEpoch;
    this.#archivedThrough = archivedThrough;
    this.#answers = [];
    for (const held of turns) {
      const { seq, turnNo } = held.turn;
      if (held.turn.mediaEpoch === mediaEpoch && turnNo >= 1) {
        this.#answers[turnNo - 1] = { turnId: held.turn.turnId };
      }
      this.#remember(held.turn.turnId, seq);
      if (seq > archivedThrough) this.#unarchived.set(seq, held);
    }
  }

  numbering(turnNo: number): Numbering {
    return numberTurn(this.lastTurnNo, turnNo);
  }

  /** The answer given for a number of this epoch: its sequence number, 0 while it waits. */
  answered(turnNo: number): number {
    const turnId = this.#answers[turnNo - 1]?.turnId;
    return turnId === undefined ? 0 : (this.#byId.get(turnId) ?? 0);
  }

  /** Whether a turn of this id is held already, under whatever number. */
  knows(turnId: string): boolean {
    return this.#byId.has(turnId);
  }

  /** A known turn came again under a new number, after a new attachment: the number is taken by it. */
  acknowledgeAgain(turnNo: number, turnId: string): void {
    this.#answers[turnNo - 1] = { turnId };
  }

  /** Accepts a turn that is next in its epoch; it waits until `committed`. */
  accept(held: HeldTurn): void {
    this.#waiting.push(held);
    this.#waitingBytes += held.payload.length;
    this.#remember(held.turn.turnId, 0);
    if (held.turn.mediaEpoch === this.#mediaEpoch)
      this.#answers[held.turn.turnNo - 1] = { turnId: held.turn.turnId };
  }

  /** Cosmos holds another turn under this number: the turn waits again, for a number after `tail`. */
  renumber(seq: number, tail: number): boolean {
    const held = this.#unarchived.get(seq);
    if (!held) return false;
    this.#unarchived.delete(seq);
    this.skipTo(Math.max(tail, this.#lastSeq));
    this.#waiting.push({ payload: held.payload, turn: { ...held.turn, seq: 0 } });
    this.#waitingBytes += held.payload.length;
    return true;
  }

  #remember(turnId: string, seq: number): void {
    this.#byId.set(turnId, seq);
    if (this.#byId.size > KNOWN_IDS) {
      const oldest = this.#byId.keys().next();
      if (!oldest.done) this.#byId.delete(oldest.value);
    }
  }

  /** Takes back a turn that was accepted last and must not wait (bound reached). */
  retract(held: HeldTurn): void {
    const last = this.#waiting.at(-1);
    if (last !== held) return;
    this.#waiting.pop();
    this.#waitingBytes -= held.payload.length;
    this.#byId.delete(held.turn.turnId);
    if (held.turn.mediaEpoch === this.#mediaEpoch) this.#answers.length = Math.max(0, held.turn.turnNo - 1);
  }

  /** The first `count` waiting turns were committed from `fromSeq` on. Returns them numbered. */
  committed(count: number, fromSeq: number): HeldTurn[] {
    const done = this.#waiting.slice(0, count).map((held, index) => ({
      payload: held.payload,
      turn: { ...held.turn, seq: fromSeq + index + 1 },
    }));
    this.#waiting = this.#waiting.slice(count);
    for (const held of done) {
      this.#waitingBytes -= held.payload.length;
      this.#unarchived.set(held.turn.seq, held);
      this.#remember(held.turn.turnId, held.turn.seq);
    }
    this.#lastSeq = Math.max(this.#lastSeq, fromSeq + done.length);
    return done;
  }

  /** Numbers go on from a higher tail (Cosmos holds more than Redis kept). */
  skipTo(seq: number): void {
    for (let missing = this.#lastSeq + 1; missing <= seq; missing += 1) this.#archivedAhead.add(missing);
    this.#lastSeq = Math.max(this.#lastSeq, seq);
  }

  /** Cosmos has exactly these. */
  archived(seqs: readonly number[]): void {
    for (const seq of seqs) {
      this.#unarchived.delete(seq);
      if (seq > this.#archivedThrough) this.#archivedAhead.add(seq);
    }
    while (this.#archivedAhead.delete(this.#archivedThrough + 1)) this.#archivedThrough += 1;
  }

  /** What Cosmos does not have, in order. */
  unarchived(): HeldTurn[] {
    return [...this.#unarchived.values()].sort((a, b) => a.turn.seq - b.turn.seq);
  }

  get unarchivedCount(): number {
    return this.#unarchived.size;
  }
}
