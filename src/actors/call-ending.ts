/**
 * The end of a call at its owner: the media worker's last turn, everything written and archived, the record closed
 * (closing.ts), the session ended. Whatever fails leaves the call as it is, and the next call of `finish` does it again.
 */
import type { CallMemory } from './call-memory.js';
import type { CallReminder } from './call-reminder.js';
import type { CallServices } from './call-services.js';
import type { CallWrites } from './call-writes.js';
import { closeCall } from './closing.js';
import type { Dispatch } from './host.js';
import type { CallSummary } from './ports.js';
import { sealRemembered } from './remembered.js';

/**
 * The media worker has this long to hand in its last turn, ms: counted from when this owner knew of the end, since while
 * the call had no owner there was nobody to take the turn.
 */
const LAST_TURN_GRACE_MS = 3_000;

export class CallEnding {
  readonly #memory: CallMemory;
  readonly #writes: CallWrites;
  readonly #reminder: CallReminder;
  readonly #services: CallServices;
  #graceTimer: NodeJS.Timeout | undefined;
  #knownSince: number | undefined;

  constructor(memory: CallMemory, writes: CallWrites, reminder: CallReminder, services: CallServices) {
    this.#memory = memory;
    this.#writes = writes;
    this.#reminder = reminder;
    this.#services = services;
  }

  dispose(): void {
    clearTimeout(this.#graceTimer);
    this.#graceTimer = undefined;
  }

  /** Closes the record once everything is in it. */
  async finish(dispatch: Dispatch): Promise<void> {
    const { id, state, ledger, origin } = this.#memory;
    if (!this.#writes.owned || state.phase === 'ended') return;
    this.#knownSince ??= performance.now();
    const graceOver = performance.now() - this.#knownSince >= LAST_TURN_GRACE_MS;
    if (this.#memory.mediaWorker !== '' && !graceOver) {
      this.#graceTimer ??= setTimeout(() => {
        this.#graceTimer = undefined;
        this.#services.settleLater(id);
      }, LAST_TURN_GRACE_MS).unref();
      return;
    }
    // A write, and not only what waits: an owner that has become stale unawares must not close the record.
    await this.#writes.fields(dispatch);
    if (this.#writes.pending || ledger.unarchivedCount > 0) {
      this.#writes.offerAll();
      return;
    }
    const facts = { call: id, turns: ledger.lastSeq };
    await this.#services.trace.span('call.close', origin.traceparent, facts, () => this.#close(dispatch));
  }

  /** The call has ended, and a reminder came for it all the same. */
  async forget(): Promise<void> {
    await this.#services.liveIndex.remove(this.#memory.id).catch(() => undefined);
    await this.#reminder.unregister();
  }

  async #close(dispatch: Dispatch): Promise<void> {
    const memory = this.#memory;
    const closed = await closeCall(memory.id, this.#summary(), memory.mediaWorker, this.#services);
    if (!closed) return;
    memory.state = { ...memory.state, phase: 'ended' };
    memory.mediaWorker = '';
    memory.saying = undefined;
    if ((await this.#writes.fields(dispatch)) !== 'durable') {
      memory.state = { ...memory.state, phase: 'disconnected' };
      return;
    }
    await this.#services.contexts.flush(memory.id);
    await this.forget();
    this.#services.metrics.ended();
  }

  #summary(): CallSummary {
    const { id, incarnation, origin, ledger, context, state } = this.#memory;
    const { connectedAtMs, disconnectedAtMs, end } = state;
    const remembered = sealRemembered(this.#services.seal, id, context.slots);
    return {
      callConnectionId: id,
      incarnation,
      correlationId: origin.correlationId,
      ...(origin.subjectId ? { subjectId: origin.subjectId } : {}),
      turns: ledger.lastSeq,
      ...(connectedAtMs ? { connectedAt: new Date(connectedAtMs).toISOString() } : {}),
      ...(disconnectedAtMs ? { disconnectedAt: new Date(disconnectedAtMs).toISOString() } : {}),
      outcome: end && end.code >= 400 && end.code !== 487 ? `failed_${end.code}` : 'completed',
      ...(remembered ? { remembered } : {}),
    };
  }
}
