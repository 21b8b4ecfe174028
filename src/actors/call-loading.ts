/**
 * How an owner gets a call into its memory: the session is claimed (or created, where the call is new or Redis lost
 * it), then journal and context are read. While Redis is away nothing is concluded (design §4 rule 3).
 */
import { newIncarnation } from '../call/incarnation.js';
import { mergeStates } from '../call/reduce.js';
import { initialState } from '../call/state.js';
import { codeOf, RtvoiceError } from '../errors.js';
import { emptyContext, withTurns } from '../memory/context.js';
import type { CallAlignment } from './call-alignment.js';
import type { CallControl } from './call-control.js';
import type { CallMemory } from './call-memory.js';
import type { AttachArgs, CallOrigin } from './call-messages.js';
import type { CallServices } from './call-services.js';
import { JournalFailure, type SessionRecord } from './ports.js';
import { openSaying, readSessionData, sessionData } from './session-fields.js';
import type { SessionWriter } from './session-writer.js';

export interface LoadingParts {
  readonly memory: CallMemory;
  readonly writer: SessionWriter;
  readonly alignment: CallAlignment;
  readonly control: CallControl;
  readonly services: CallServices;
  /** The call is in memory: what was held meanwhile joins, what is not archived is offered. */
  loaded(): void;
  /** It has no media worker, and should have one. `sinceMs`: since when, where the session tells. */
  mediaMissing(sinceMs: number | undefined): void;
}

export class CallLoading {
  readonly #parts: LoadingParts;

  constructor(parts: LoadingParts) {
    this.#parts = parts;
  }

  /**
   * true: the session is claimed and read. false: Redis is away.
   * @param create what is known of the call, which may be new; without it only a call that is known is loaded
   * @param previous where the media worker stood before that asks
   * @throws RTV_CALL_UNKNOWN, RTV_CALL_ENDED
   */
  async load(create?: CallOrigin, previous?: AttachArgs['previous']): Promise<boolean> {
    const { memory, writer, services } = this.#parts;
    if (create) memory.learn(create);
    if (memory.loaded) return true;
    const mayCreate = create !== undefined || memory.provisional !== undefined;
    try {
      if (mayCreate) await services.liveIndex.add(memory.id);
      const session = await writer.claim();
      const record = session === 'absent' ? await this.#create(mayCreate, previous) : session;
      if (record === undefined) throw new RtvoiceError('RTV_CALL_UNKNOWN');
      await this.#takeOver(record);
      return true;
    } catch (thrown) {
      // Absent is not failed: without an answer of Redis, or of Cosmos where Redis lost turns, nothing is concluded.
      if (thrown instanceof JournalFailure || codeOf(thrown) === 'RTV_COSMOS_UNAVAILABLE') {
        services.wakeWhenBack(memory.id);
        return false;
      }
      throw thrown;
    }
  }

  /** As `load`; where the journal outlived its session, the call is found by it. */
  async loadAnyhow(): Promise<boolean> {
    try {
      return await this.load();
    } catch (thrown) {
      if (codeOf(thrown) !== 'RTV_CALL_UNKNOWN') throw thrown;
      const { memory, services } = this.#parts;
      const left = await services.journal.entries(memory.id).catch(() => []);
      if (left.length === 0) throw thrown;
      services.metrics.rule('orphaned');
      return this.load({ correlationId: '' });
    }
  }

  async #create(mayCreate: boolean, previous: AttachArgs['previous']): Promise<SessionRecord | undefined> {
    const { memory, writer, services } = this.#parts;
    const { id } = memory;
    if (await services.closing.hasEnded(id)) {
      await services.liveIndex.remove(id);
      throw new RtvoiceError('RTV_CALL_ENDED');
    }
    if (!mayCreate) return undefined;
    const data = sessionData(memory);
    if (await services.migrateLegacy(id, data)) {
      const migrated = await writer.claim();
      if (migrated !== 'absent') return migrated;
    }
    // Redis lost a call that was known: it goes on under its incarnation, after what Cosmos holds.
    const known = previous && previous.mediaEpoch > 0 ? previous.incarnation : undefined;
    const archived = known ? await services.closing.archivedTurns(id) : [];
    const incarnation = known ?? memory.provisional?.incarnation ?? newIncarnation(services.now());
    const created = await writer.claim({ incarnation, data, seq: archived.at(-1)?.seq ?? 0 });
    return created === 'absent' ? undefined : created;
  }

  async #takeOver(record: SessionRecord): Promise<void> {
    const { memory, writer, alignment, services } = this.#parts;
    const [entries, snapshot] = await Promise.all([
      services.journal.entries(memory.id),
      record.seq > 0 ? services.contexts.load(memory.id).catch(unlessRedisFailed) : undefined,
    ]);
    const turns = alignment.open(entries);
    // Redis lost turns: their ids, which may be sent again, are in Cosmos; numbers go on after what is known of them.
    const known = entries.at(-1)?.seq ?? 0;
    const lost = entries.length < Math.max(record.seq, known);
    const archived = lost ? await services.closing.archivedTurns(memory.id) : [];
    if (memory.stale) return;
    const lastSeq = Math.max(known, archived.at(-1)?.seq ?? 0);
    const archivedThrough = Math.min(record.archivedThrough, lastSeq);
    // A session made anew counts from 0; the turns tell which epochs were given in the lost one.
    const mediaEpoch = Math.max(record.mediaEpoch, ...turns.map(({ turn }) => turn.mediaEpoch));
    memory.ledger.restore({ ...record, mediaEpoch, turns, lastSeq, archivedThrough });
    if (lost) alignment.with(archived);
    if (lastSeq !== record.seq) writer.rewrite();
    memory.context = withTurns(
      snapshot ?? emptyContext(),
      turns.map(({ turn }) => turn),
    );
    this.#takeFields(record);
    // Its owner died before it was written, and the call may have no more turns: at its end it shall be whole.
    const behind = memory.context.throughSeq > (snapshot?.throughSeq ?? 0);
    if (behind && memory.state.phase !== 'ended') services.contexts.changed(memory.id, memory.context);
    memory.loaded = { incarnation: record.incarnation };
    services.metrics.activated(record.seq > 0);
    this.#parts.loaded();
  }

  /** What the session says, together with what was learnt while it could not be read. */
  #takeFields(record: SessionRecord): void {
    const { memory, writer, control, services } = this.#parts;
    const data = readSessionData(record.data);
    const learnt = memory.origin;
    memory.state = mergeStates(data.state ?? initialState(), memory.state);
    memory.origin = data.origin ?? { correlationId: '' };
    memory.originLearnt = false;
    memory.learn(learnt);
    const provisional = memory.provisional !== undefined && record.mediaWorker === '';
    if (!provisional) {
      memory.mediaWorker = record.mediaWorker;
      memory.workerUrl = data.workerUrl ?? '';
    }
    const saying = openSaying(services.seal, memory.id, record.saying);
    if (saying === 'unreadable') services.metrics.rule('unreadable');
    memory.saying = saying === 'unreadable' ? undefined : saying;
    control.restore(data.operations);
    const news = JSON.stringify(memory.state) !== JSON.stringify(data.state);
    if (provisional || news || memory.originLearnt) writer.fieldsChanged();
    if (memory.state.phase === 'connected' && memory.mediaWorker === '' && record.mediaEpoch > 0) {
      this.#parts.mediaMissing(data.mediaLostAtMs);
    }
  }
}

/** Without a snapshot the journal is enough; but what is damaged must be out of the way before it is written over. */
function unlessRedisFailed(thrown: unknown): undefined {
  if (thrown instanceof JournalFailure) throw thrown;
  return undefined;
}
