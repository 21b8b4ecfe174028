/**
 * Brings the memory of a call in line with what others wrote of it, where state was lost: another owner, in a store
 * that went back in time (design §4 rule 4), or Cosmos, which never does (rule 6).
 */
import type { ArchivedTurn, HeldTurn } from '../call/ledger.js';
import { mergeStates } from '../call/reduce.js';
import { applyTurn } from '../memory/context.js';
import type { CallMemory } from './call-memory.js';
import { openTurn } from './call-record.js';
import type { CallServices } from './call-services.js';
import type { CallWrites } from './call-writes.js';
import type { JournalEntry, SessionRecord } from './ports.js';
import { readSessionData } from './session-fields.js';

export class CallAlignment {
  readonly #memory: CallMemory;
  readonly #writes: CallWrites;
  readonly #services: CallServices;

  constructor(memory: CallMemory, writes: CallWrites, services: CallServices) {
    this.#memory = memory;
    this.#writes = writes;
    this.#services = services;
  }

  /** Another owner wrote meanwhile: nothing of it is lost. `seen` undefined: the session is gone. */
  adopt(seen: SessionRecord | undefined, entries: readonly JournalEntry[]): void {
    const memory = this.#memory;
    if (seen) {
      const data = readSessionData(seen.data);
      if (data.state) memory.state = mergeStates(memory.state, data.state);
      if (data.origin) memory.learn(data.origin);
      if (seen.mediaEpoch > memory.ledger.mediaEpoch) {
        memory.ledger.openEpoch(seen.mediaEpoch);
        memory.mediaWorker = seen.mediaWorker;
        memory.workerUrl = data.workerUrl ?? '';
      }
    }
    for (const { turn } of memory.ledger.adopt(this.open(entries))) {
      this.#services.metrics.rule('adopted');
      memory.context = applyTurn(memory.context, { ...turn, seq: 0 });
    }
  }

  /** Asks Cosmos what it holds of the call. @throws RTV_COSMOS_UNAVAILABLE */
  async withCosmos(): Promise<void> {
    const found = await this.#services.closing.archivedTurns(this.#memory.id);
    if (!this.#memory.stale) this.with(found);
  }

  with(found: readonly ArchivedTurn[]): void {
    if (!this.#memory.ledger.reconcile(found)) return;
    this.#services.metrics.rule('renumbered');
    this.#writes.renumbered();
  }

  /** Turns of the journal; one whose words cannot be read keeps its place without them. */
  open(entries: readonly JournalEntry[]): HeldTurn[] {
    return entries.flatMap((entry) => {
      const opened = openTurn(this.#services.seal, this.#memory.id, entry);
      if (!opened?.readable) this.#services.metrics.rule('unreadable');
      return opened ? [opened.held] : [];
    });
  }
}
