/**
 * Writes what memory holds of a call to Redis, and sees to all that follows a commit and is not waited for: the account
 * of waiting turns, the context snapshot, the documents for Cosmos.
 */

import type { CallMemory } from './call-memory.js';
import { turnDocument } from './call-record.js';
import type { CallServices } from './call-services.js';
import type { Dispatch } from './host.js';
import type { SessionWriter, Written } from './session-writer.js';

export class CallWrites {
  readonly #memory: CallMemory;
  readonly #writer: SessionWriter;
  readonly #services: CallServices;
  /** Documents were offered up to this number. */
  #offeredThrough = 0;
  /** Since when turns wait for Cosmos, for the trace. */
  #unarchivedSinceMs: number | undefined;

  constructor(memory: CallMemory, writer: SessionWriter, services: CallServices) {
    this.#memory = memory;
    this.#writer = writer;
    this.#services = services;
  }

  /** The session is this owner's, whether or not it was read yet. */
  get owned(): boolean {
    return this.#writer.own !== undefined;
  }

  /** 0 while the session is not claimed. */
  get ownerEpoch(): number {
    return this.#writer.own?.ownerEpoch ?? 0;
  }

  /** Memory is ahead of Redis. */
  get pending(): boolean {
    return this.#writer.pending;
  }

  /** Writes what waits. @throws RTV_FENCED_OWNER */
  async flush(dispatch: Dispatch): Promise<Written> {
    const written = await this.#writer.flush(dispatch);
    this.#follow();
    return written;
  }

  /** Writes the session's fields, with what waits. @throws RTV_FENCED_OWNER */
  async fields(dispatch: Dispatch): Promise<Written> {
    const written = await this.#writer.writeFields(dispatch);
    this.#follow();
    return written;
  }

  /** Writes the fields where the origin says more than the session. */
  async learnt(dispatch: Dispatch): Promise<void> {
    const { originLearnt, state } = this.#memory;
    if (originLearnt && this.owned && state.phase !== 'ended') await this.fields(dispatch);
  }

  /** Offers every turn that Cosmos is not known to have. */
  offerAll(): void {
    this.#offerFrom(0);
  }

  /** Turns got other numbers: all is written again, and what was offered under the old ones is withdrawn. */
  renumbered(): void {
    this.#services.turns.withdraw(this.#memory.id);
    this.#offeredThrough = 0;
    this.#writer.rewrite();
  }

  /** Cosmos has some more turns: the trace tells how long they waited. */
  archived(turns: number): void {
    const { id, origin, ledger } = this.#memory;
    const now = this.#services.now();
    const since = this.#unarchivedSinceMs ?? now;
    this.#services.trace.past('turns.archive', origin.traceparent, { call: id, turns }, since, now);
    this.#unarchivedSinceMs = ledger.unarchivedCount > 0 ? now : undefined;
  }

  #follow(): void {
    const { id, stale, ledger, context } = this.#memory;
    if (stale) return;
    this.#services.backlog.set(id, ledger.waitingBytes, ledger.waiting.length);
    if (this.pending) {
      this.#services.wakeWhenBack(id);
      return;
    }
    if (context.throughSeq === ledger.lastSeq) return;
    this.#memory.context = { ...context, throughSeq: ledger.lastSeq };
    const { origin, incarnation } = this.#memory;
    if (!this.#services.erasures.isErased(origin.subjectId, incarnation))
      this.#services.contexts.changed(id, this.#memory.context);
    if (ledger.unarchivedCount > 0) this.#unarchivedSinceMs ??= this.#services.now();
    this.#offerFrom(this.#offeredThrough);
  }

  #offerFrom(after: number): void {
    const { id, ledger, origin } = this.#memory;
    const own = this.#writer.own;
    if (!own) return;
    for (const held of ledger.unarchived(after)) {
      if (!this.#services.turns.offer(turnDocument(id, own.incarnation, held), origin.subjectId)) return;
      this.#offeredThrough = held.turn.seq;
    }
  }
}
