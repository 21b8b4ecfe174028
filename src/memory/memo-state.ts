/** What a MemoManager holds of its conversation, and what of it Redis has: turns that wait, changes no turn carries. */
import { holdTurn, openTurn } from '../actors/call-record.js';
import { newNonce } from '../call/incarnation.js';
import { isTurnOffer, type Role, type Turn } from '../call/turn.js';
import { RtvoiceError } from '../errors.js';
import type { Seal } from '../privacy/seal.js';
import {
  applyPatch,
  applyTurn,
  type ContextLine,
  type ConversationContext,
  emptyContext,
  type MemoryPatch,
} from './context.js';
import type { MemoryProblem } from './errors.js';
import type { MemorySession } from './memory-session.js';
import { joinPatches } from './patches.js';
import { rebuild } from './rebuild.js';
import type { LoadedSession } from './session-state.js';
import { writeSnapshot } from './snapshot.js';

export interface StateParts {
  seal(): Seal;
  problem(problem: MemoryProblem): void;
}

/** Turns and bytes that may wait in memory while Redis is away. */
const WAITING_TURNS = 512;
const WAITING_BYTES = 1024 * 1024;
/** Turns in one commit, at most: bounds the script's run. */
const COMMIT_TURNS = 64;
/** A snapshot is written at least each so many turns: bounds what a load has to read of the journal. */
const SNAPSHOT_TURNS = 20;

export class MemoState {
  /** Where the conversation is kept; undefined while it is in memory alone. */
  session: MemorySession | undefined;
  context: ConversationContext;
  readonly #sessionId: string;
  readonly #parts: StateParts;
  /** Changes that no turn carries yet: with the next one they come into the journal. */
  #patch: MemoryPatch | undefined;
  #dirty = false;
  #waiting: { readonly payload: string; readonly line: ContextLine }[] = [];
  #waitingBytes = 0;
  #snapshotSeq = 0;

  constructor(sessionId: string, activeAgent: string | undefined, parts: StateParts) {
    this.#sessionId = sessionId;
    this.#parts = parts;
    this.context = emptyContext(activeAgent);
  }

  /** Loads the context; resolves to the authentication state as stored. */
  async load(): Promise<LoadedSession['auth']> {
    if (!this.session) return undefined;
    const { seal, problem } = this.#parts;
    const loaded = await this.session.load();
    if (loaded.damagedSession) problem({ code: 'RTV_RECORD_UNREADABLE', what: 'session' });
    const rebuilt = await rebuild(seal(), this.#sessionId, this.session, loaded, this.context.activeAgent);
    for (const found of rebuilt.problems) problem(found);
    this.context = rebuilt.context;
    this.#snapshotSeq = rebuilt.snapshotSeq;
    return loaded.auth;
  }

  /** @throws MemoryError RTV_MEMORY_TOO_LARGE */
  change(patch: MemoryPatch): void {
    this.#patch = joinPatches(this.context, this.#patch, patch);
    this.context = applyPatch(this.context, patch);
    this.#dirty = true;
  }

  /** Takes a turn, to be written by `flush`; its number. @throws RtvoiceError RTV_TURN_INVALID, RTV_BACKLOG_FULL */
  append(said: { role: Role; text: string; agent: string }, atMs: number): number {
    const seq = this.context.throughSeq + 1;
    const turn: Turn = {
      ...said,
      turnId: newNonce(),
      startedAtMs: atMs,
      endedAtMs: atMs,
      seq,
      mediaEpoch: this.session?.mediaEpoch ?? 0,
      // Not a media worker's turn: it takes none of its numbers.
      turnNo: 0,
      ...(this.#patch ? { patch: this.#patch } : {}),
    };
    if (!isTurnOffer(turn)) throw new RtvoiceError('RTV_TURN_INVALID');
    const { payload } = holdTurn(this.#parts.seal(), this.#sessionId, turn);
    if (this.#waiting.length >= WAITING_TURNS || this.#waitingBytes + payload.length > WAITING_BYTES) {
      throw new RtvoiceError('RTV_BACKLOG_FULL');
    }
    this.context = applyTurn(this.context, turn);
    this.#patch = undefined;
    this.#waiting.push({ payload, line: { seq, ...said } });
    this.#waitingBytes += payload.length;
    return seq;
  }

  /**
   * Writes what waits: the turns, and the snapshot when changes or all are asked for, or when it is far behind.
   * @throws RtvoiceError RTV_REDIS_… (what is left still waits), RTV_FENCED_OWNER, RTV_CALL_ENDED
   */
  async flush(what: 'turns' | 'changes' | 'all'): Promise<void> {
    const { session } = this;
    if (!session) return;
    while (this.#waiting.length > 0) {
      const payloads = this.#waiting.slice(0, session.inDoubt || COMMIT_TURNS).map(({ payload }) => payload);
      const done = this.#waiting.splice(0, await session.commit(payloads));
      this.#waitingBytes -= done.reduce((sum, { payload }) => sum + payload.length, 0);
    }
    const behind = this.context.throughSeq - this.#snapshotSeq >= SNAPSHOT_TURNS;
    if (what !== 'all' && !behind && !(what === 'changes' && this.#dirty)) return;
    await session.save(writeSnapshot(this.#parts.seal(), this.#sessionId, this.context));
    this.#dirty = false;
    this.#snapshotSeq = this.context.throughSeq;
  }

  /** What was said, from the first turn on. A turn whose words cannot be opened keeps its place without them. */
  async history(): Promise<ContextLine[]> {
    const stored = (await this.session?.entries(1)) ?? [];
    const lines = stored.flatMap((entry) => {
      const opened = openTurn(this.#parts.seal(), this.#sessionId, entry);
      if (!opened?.readable) this.#parts.problem({ code: 'RTV_RECORD_UNREADABLE', what: 'turn' });
      if (!opened) return [];
      const { role, text, agent } = opened.held.turn;
      return [{ seq: entry.seq, role, text, agent }];
    });
    return [...lines, ...this.#waiting.map(({ line }) => line)];
  }
}
