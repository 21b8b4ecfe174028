import type { CreateOutcome } from './archive-port.js';
import { ArchiveRoom, ROOM } from './archive-room.js';
import type { ArchiverOptions, ArchiverStats } from './archiver-options.js';
import { type Clock, systemClock } from './clock.js';
import { type ArchiveDocument, identityOf, isTurn, type TurnDocument } from './documents.js';
import { dropFirst, enqueue, type Lane, newLane, nextPiece, pieceWritten, splitSmaller } from './lane.js';
import {
  allowed,
  backoffMs,
  initialPace,
  nextPace,
  PACE_LIMITS,
  type Pace,
  type PaceLimits,
} from './pace.js';
import { Waiters } from './waiters.js';

/** Most sequence numbers told at once. */
const TELL_AT = 32;

/**
 * Writes the turns of all calls of a worker into the archive: one call's documents in order and one at a time,
 * calls in parallel up to a limit that follows the store. Failures of the store are its own affair; what a document
 * itself fails with goes to the callbacks.
 */
export class Archiver {
  readonly #options: ArchiverOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #limits: PaceLimits;
  /** By session id. */
  readonly #lanes = new Map<string, Lane>();
  readonly #ready: Lane[] = [];
  readonly #room: ArchiveRoom;
  readonly #waiters: Waiters;
  #pace: Pace;
  #inFlight = 0;
  #stopped = false;

  constructor(options: ArchiverOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#waiters = new Waiters(this.#clock);
    const { maxDocuments: documents = ROOM.documents, maxBytes: bytes = ROOM.bytes, metrics } = options;
    this.#room = new ArchiveRoom({ documents, bytes }, (...waits) => metrics?.backlog(...waits));
    this.#limits = { ...PACE_LIMITS, ...options.pace };
    this.#pace = initialPace(this.#limits);
  }

  /**
   * False when full or stopped, or where another document waits under this id: offer it again later.
   * @param subjectId the caller's pseudonym, where one is known
   */
  offer(doc: ArchiveDocument, subjectId?: string): boolean {
    if (this.#stopped || !this.#room.fits(doc)) return false;
    const lane = this.#lanes.get(doc.sessionId) ?? newLane(doc.sessionId);
    lane.subjectId ??= subjectId;
    const enqueued = enqueue(lane, doc);
    if (enqueued.kind !== 'added') return enqueued.kind === 'same';
    this.#lanes.set(doc.sessionId, lane);
    this.#room.take(doc, this.#clock.now());
    if (lane.state === 'idle') this.#makeReady(lane);
    this.#pump();
    return true;
  }

  /** The session's turns got other numbers: what waits under the old ones is forgotten, but for a write in flight. */
  withdraw(sessionId: string): void {
    const lane = this.#lanes.get(sessionId);
    if (!lane) return;
    for (const dropped of lane.queue.splice(lane.state === 'flying' ? 1 : 0)) this.#room.leave(dropped);
    if (lane.state === 'flying' || lane.state === 'held') return;
    dropFirst(lane);
    lane.cancel?.();
    this.#settle(lane);
  }

  /**
   * Waits until nothing of this session waits, without regard to back-off.
   * @returns false when the deadline (ms from now) came first
   */
  async flush(sessionId: string, deadlineMs = 5000): Promise<boolean> {
    const lane = this.#lanes.get(sessionId);
    if (lane?.state === 'waiting') this.#makeReady(lane);
    this.#pump();
    return this.#until(() => !this.#lanes.has(sessionId), deadlineMs);
  }

  /** Waits until nothing waits at all. False when the deadline (ms from now) came first. */
  async drain(deadlineMs: number): Promise<boolean> {
    return this.#until(() => this.#lanes.size === 0, deadlineMs);
  }

  /** Takes nothing more, ends timers and waits for the writes in flight. What still waits is given back. */
  async stop(): Promise<readonly ArchiveDocument[]> {
    this.#stopped = true;
    for (const lane of this.#lanes.values()) lane.cancel?.();
    this.#ready.length = 0;
    await this.#until(() => this.#inFlight === 0, 30_000);
    const left = [...this.#lanes.values()].flatMap((lane) => lane.queue);
    this.#lanes.clear();
    this.#room.empty();
    this.#waiters.wake();
    return left;
  }

  stats(): ArchiverStats {
    return {
      documents: this.#room.documents,
      bytes: this.#room.bytes,
      calls: this.#lanes.size,
      inFlight: this.#inFlight,
      limit: allowed(this.#pace),
      failures: this.#pace.failures,
    };
  }

  /** Turns of a session that wait, for a look from outside. */
  waiting(sessionId: string): readonly TurnDocument[] {
    return this.#lanes.get(sessionId)?.queue.filter(isTurn) ?? [];
  }

  #pump(): void {
    while (!this.#stopped && this.#inFlight < allowed(this.#pace)) {
      const lane = this.#ready.shift();
      if (lane === undefined) break;
      // Lanes leave `ready` only here or by being dropped, which empties them.
      if (lane.state === 'ready') void this.#write(lane);
    }
    this.#options.metrics?.concurrency(allowed(this.#pace), this.#inFlight);
  }

  async #write(lane: Lane): Promise<void> {
    const piece = nextPiece(lane);
    if (piece === undefined) return this.#settle(lane);
    lane.state = 'flying';
    this.#inFlight++;
    const started = this.#clock.now();
    let outcome: CreateOutcome;
    try {
      const erased = await this.#isErased(lane, piece);
      outcome = erased ? { kind: 'erased' } : await this.#options.archive.create(piece);
    } catch {
      // Adapters do not throw; one that does is treated as no answer, as is a tombstone that cannot be read.
      outcome = { kind: 'unknown', code: 'threw' };
    }
    this.#inFlight--;
    const latencyMs = this.#clock.now() - started;
    const isConflict = outcome.kind === 'exists' && outcome.turnId !== identityOf(piece);
    this.#options.metrics?.outcome(isConflict ? 'conflict' : outcome.kind, latencyMs);
    this.#adapt(outcome, latencyMs);
    this.#apply(lane, piece, outcome, isConflict);
    this.#pump();
    if (this.#stopped && this.#inFlight === 0) this.#waiters.wake();
  }

  async #isErased({ subjectId }: Lane, { incarnation }: ArchiveDocument): Promise<boolean> {
    if (subjectId === undefined) return false;
    return (await this.#options.erased?.(subjectId, incarnation)) ?? false;
  }

  #adapt(outcome: CreateOutcome, latencyMs: number): void {
    const now = this.#clock.now();
    const wasAway = this.#pace.failures > 0;
    if (outcome.kind === 'throttled')
      this.#pace = nextPace(this.#pace, { kind: 'throttled' }, now, this.#limits);
    else if (outcome.kind === 'unknown')
      this.#pace = nextPace(this.#pace, { kind: 'error' }, now, this.#limits);
    else {
      this.#pace = nextPace(this.#pace, { kind: 'ok', latencyMs }, now, this.#limits);
      if (wasAway) this.#endOutage();
    }
  }

  /** The store answers again: those that waited for that need not sit out their back-off. */
  #endOutage(): void {
    for (const lane of this.#lanes.values()) {
      if (lane.state === 'waiting' && lane.outage) this.#makeReady(lane);
    }
  }

  #apply(lane: Lane, piece: ArchiveDocument, outcome: CreateOutcome, isConflict: boolean): void {
    if (isConflict && outcome.kind === 'exists') this.#conflict(lane, piece, outcome.turnId);
    else if (outcome.kind === 'created' || outcome.kind === 'exists') this.#written(lane);
    else if (outcome.kind === 'erased') this.#written(lane);
    else if (outcome.kind === 'throttled') this.#later(lane, false, outcome.retryAfterMs);
    else if (outcome.kind === 'unknown') this.#later(lane, true);
    else if (outcome.kind === 'too_large' && splitSmaller(lane)) this.#makeReady(lane);
    else this.#poison(lane, outcome.kind === 'refused' ? outcome.code : 'too_large');
  }

  #written(lane: Lane): void {
    const whole = pieceWritten(lane);
    if (whole !== undefined) {
      if (isTurn(whole)) {
        lane.told.seqs.push(whole.seq);
        lane.told.turnIds.push(whole.turnId);
      } else if (whole.kind !== 'part') lane.told.marks.push(whole.kind);
      const offered = this.#room.since(whole);
      if (offered !== undefined) this.#options.metrics?.archived(this.#clock.now() - offered);
      this.#room.leave(whole);
      if (lane.told.seqs.length >= TELL_AT) this.#tell(lane);
    }
    this.#settle(lane);
  }

  /** Ready for the next document, or gone when there is none. */
  #settle(lane: Lane): void {
    if (lane.queue.length > 0) {
      if (!this.#stopped) this.#makeReady(lane);
      else this.#tell(lane);
      return;
    }
    this.#tell(lane);
    this.#remove(lane);
    this.#waiters.wake();
  }

  #later(lane: Lane, outage: boolean, retryAfterMs?: number): void {
    lane.attempt++;
    this.#tell(lane);
    lane.state = 'waiting';
    lane.outage = outage;
    if (this.#stopped) return;
    lane.cancel = this.#clock.after(backoffMs(lane.attempt, this.#random(), retryAfterMs), () => {
      this.#makeReady(lane);
      this.#pump();
    });
  }

  #conflict(lane: Lane, piece: ArchiveDocument, existing: string): void {
    const [doc = piece, ...waiting] = lane.queue.splice(0);
    dropFirst(lane);
    for (const dropped of [doc, ...waiting]) this.#room.leave(dropped);
    this.#tell(lane);
    lane.state = 'held';
    this.#call(
      () => this.#options.onConflict(doc, existing, waiting),
      () => {
        if (lane.state !== 'held') return;
        this.#settle(lane);
        this.#pump();
      },
    );
  }

  #poison(lane: Lane, code: string): void {
    const doc = dropFirst(lane);
    if (doc !== undefined) {
      this.#room.leave(doc);
      this.#call(() => this.#options.onPoison(doc, code));
    }
    this.#settle(lane);
  }

  #remove(lane: Lane): void {
    lane.state = 'idle';
    this.#lanes.delete(lane.sessionId);
  }

  #makeReady(lane: Lane): void {
    lane.cancel?.();
    lane.cancel = undefined;
    lane.state = 'ready';
    this.#ready.push(lane);
  }

  #tell(lane: Lane): void {
    const { seqs, turnIds, marks } = lane.told;
    if (seqs.length === 0 && marks.length === 0) return;
    lane.told.seqs = [];
    lane.told.turnIds = [];
    lane.told.marks = [];
    this.#call(() => this.#options.onArchived(lane.sessionId, seqs, marks, turnIds));
  }

  /** A receiver that fails is no reason to stop: it is told again when it offers again. */
  #call(run: () => void | Promise<void>, after: () => void = () => undefined): void {
    const failed = (): void => this.#options.metrics?.outcome('callback_failed', 0);
    try {
      const result = run();
      if (result instanceof Promise) void result.catch(failed).then(after);
      else after();
    } catch {
      failed();
      after();
    }
  }

  /** @returns whether `done` came before the deadline and before the end of all work */
  #until(done: () => boolean, deadlineMs: number): Promise<boolean> {
    return this.#waiters.until(done, () => this.#stopped && this.#inFlight === 0, deadlineMs);
  }
}
