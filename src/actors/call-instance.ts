/**
 * One call at its owner. Methods run one at a time (host.ts); each loads the call, checks who asks, changes memory and
 * Redis in that order of truth, and answers. What may follow later (context snapshot, archive, closing) is asked of the
 * services and never waited for before the answer. The parts share one memory, call-memory.ts.
 */
import type { CallFact } from '../call/events.js';
import type { Missing } from '../call/expectations.js';
import type { ArchivedTurn } from '../call/ledger.js';
import { isOver } from '../call/state.js';
import { RtvoiceError } from '../errors.js';
import type { ConversationContext } from '../memory/context.js';
import { fateOf } from './call-events.js';
import type {
  AttachArgs,
  Attached,
  CallDescription,
  CallOrigin,
  DetachArgs,
  Located,
  MediaLostArgs,
  SayingArgs,
  TranscribingArgs,
  TranscriptionLostArgs,
  TurnAnswer,
  TurnArgs,
} from './call-messages.js';
import { type CallParts, callParts } from './call-parts.js';
import type { CallServices } from './call-services.js';
import type {
  ControlArgs,
  ControlStarted,
  EventSignal,
  OperatedArgs,
  OperationsAnswer,
  StartedBy,
} from './control-messages.js';
import type { Dispatch, Instance } from './host.js';
import { JournalFailure } from './ports.js';

export class CallInstance implements Instance {
  readonly id: string;
  readonly #services: CallServices;
  readonly #parts: CallParts;

  constructor(id: string, services: CallServices) {
    this.id = id;
    this.#services = services;
    this.#parts = callParts(id, services, () => services.drop(this));
  }

  get stale(): boolean {
    return this.#parts.memory.stale;
  }

  set stale(stale: boolean) {
    this.#parts.memory.stale = stale;
  }

  dispose(): void {
    this.#parts.control.dispose();
    this.#parts.events.dispose();
    this.#parts.media.dispose();
    this.#parts.ending.dispose();
    this.#services.backlog.forget(this.id);
  }

  /** The call was answered: its session exists from here on. ACS's first events may have come before. */
  async start(origin: CallOrigin, dispatch: Dispatch, by?: StartedBy): Promise<object> {
    if (await this.#parts.loading.load(origin)) {
      const born = by !== undefined && this.#parts.control.born(by, fateOf(this.#parts.memory.state));
      if (born) await this.#parts.writes.fields(dispatch);
      else await this.#parts.writes.learnt(dispatch);
    }
    this.#parts.events.look();
    return { ok: true };
  }

  async event(
    facts: readonly CallFact[],
    origin: CallOrigin,
    dispatch: Dispatch,
    signals: readonly EventSignal[] = [],
  ): Promise<object> {
    await this.#parts.loading.load(origin);
    this.#alive();
    await this.#parts.events.take(facts, signals, dispatch);
    return { ok: true };
  }

  /** What ACS said when it was asked because something that had to come did not. */
  async reconciled(
    found: 'connecting' | 'connected' | 'disconnected' | 'unknown',
    missing: Missing,
    dispatch: Dispatch,
  ): Promise<object> {
    this.#services.metrics.rule('reconciled');
    if (found === 'unknown' || !(await this.#parts.loading.load())) return { ok: true };
    const now = this.#services.now();
    const fact: CallFact = { kind: 'reconciled', id: `reconciled-${now}`, atMs: now, found };
    await this.event([fact], this.#parts.memory.origin, dispatch);
    if (found === 'connected') this.#parts.events.stillMissing(missing);
    return { ok: true };
  }

  /** Enters an operation and has it sent; the answer and the outcome come later. */
  async control(args: ControlArgs, dispatch: Dispatch): Promise<{ ok: true } & ControlStarted> {
    if (!(await this.#parts.loading.load())) throw new RtvoiceError('RTV_REDIS_UNAVAILABLE');
    const started = this.#parts.control.enter(args, isOver(this.#parts.memory.state));
    if (started.repeated) return { ok: true, ...started };
    // First in the session, then on the wire: an outcome is owed from here on, whoever owns the call.
    await this.#parts.writes.fields(dispatch);
    this.#parts.control.send(args);
    return { ok: true, ...started };
  }

  /** ACS answered the request of an operation. */
  async operated(args: OperatedArgs, dispatch: Dispatch): Promise<object> {
    if ((await this.#parts.loading.load()) && this.#parts.control.answered(args.id, args.answer))
      await this.#parts.writes.fields(dispatch);
    return { ok: true };
  }

  async operations(dispatch: Dispatch): Promise<{ ok: true } & OperationsAnswer> {
    if (await this.#parts.loading.load()) await this.#tick(dispatch);
    return { ok: true, operations: this.#parts.control.list() };
  }

  /** A media worker takes the call's audio: a new media epoch, by a fenced write before the answer. */
  async attach(args: AttachArgs, dispatch: Dispatch): Promise<{ ok: true } & Attached> {
    const loaded = await this.#parts.loading.load(args.origin, args.previous);
    this.#alive();
    if (!loaded) return this.#parts.media.attachProvisionally(args);
    const attached = await this.#parts.media.attach(args, dispatch);
    this.#parts.events.came();
    return attached;
  }

  /** What the agent is about to say, so that another worker can go on if this one dies. */
  async say(args: SayingArgs, dispatch: Dispatch): Promise<object> {
    if (!(await this.#parts.loading.load())) return { ok: true };
    this.#parts.turns.checkMedia(args.incarnation, args.mediaEpoch);
    if (this.#isErased()) return { ok: true };
    this.#parts.memory.saying = args.saying;
    await this.#parts.writes.fields(dispatch);
    return { ok: true };
  }

  async turn(args: TurnArgs, dispatch: Dispatch): Promise<{ ok: true } & TurnAnswer> {
    this.#parts.turns.check(args);
    if (!(await this.#parts.loading.load())) return this.#parts.turns.hold(args);
    this.#alive();
    if (this.#isErased()) throw new RtvoiceError('RTV_SUBJECT_ERASED');
    return this.#parts.turns.take(args, dispatch);
  }

  async detach(args: DetachArgs, dispatch: Dispatch): Promise<object> {
    return (await this.#parts.loading.load()) ? this.#parts.media.detach(args, dispatch) : { ok: true };
  }

  async mediaLost(args: MediaLostArgs, dispatch: Dispatch): Promise<object> {
    const loaded = await this.#parts.loading.load();
    return loaded ? this.#parts.media.workerLost(args, dispatch) : { ok: true, restarted: false };
  }

  async transcribing(at: TranscribingArgs): Promise<{ ok: true } & Located> {
    this.#parts.media.transcribing(at);
    return this.locate();
  }

  async transcriptionLost(args: TranscriptionLostArgs): Promise<object> {
    if (await this.#parts.loading.load()) this.#parts.media.transcriptionLost(args);
    return { ok: true };
  }

  /** Cosmos holds exactly these turns. */
  async archived(turns: readonly ArchivedTurn[], dispatch: Dispatch): Promise<object> {
    if (!(await this.#parts.loading.load())) return { ok: true };
    this.#parts.memory.ledger.archived(turns);
    this.#parts.writes.archived(turns.length);
    if (isOver(this.#parts.memory.state)) await this.#parts.ending.finish(dispatch);
    return { ok: true };
  }

  /** Cosmos holds another turn under one of these numbers: state was lost. Memory is brought in line with Cosmos. */
  async conflict(dispatch: Dispatch): Promise<object> {
    if (!(await this.#parts.loading.load())) return { ok: true };
    await this.#parts.alignment.withCosmos();
    await this.#parts.writes.flush(dispatch);
    return { ok: true };
  }

  /** The recurring reminder: archives what is left, slides TTLs, ends calls that went silent. */
  async keep(dispatch: Dispatch): Promise<object> {
    if (!(await this.#parts.loading.loadAnyhow())) return { ok: true };
    await this.#tick(dispatch);
    if (this.#parts.memory.state.phase === 'ended') {
      await this.#parts.ending.forget();
      return { ok: true };
    }
    // A write even of nothing new: so a stale owner finds out.
    await this.#parts.writes.fields(dispatch);
    await this.#services.journal.touch(this.id).catch(ignoreFailure);
    await this.#services.liveIndex.add(this.id).catch(() => undefined);
    this.#parts.writes.offerAll();
    if (isOver(this.#parts.memory.state)) await this.#parts.ending.finish(dispatch);
    else {
      this.#parts.events.look();
      this.#parts.media.look();
    }
    return { ok: true };
  }

  /** Does what a doubt or a return of Redis left to do. Routed through Dapr, so it proves where the actor lives. */
  async settle(dispatch: Dispatch): Promise<object> {
    if (await this.#parts.loading.loadAnyhow()) {
      await this.#parts.writes.flush(dispatch);
      await this.#tick(dispatch);
      if (isOver(this.#parts.memory.state)) await this.#parts.ending.finish(dispatch);
      else this.#parts.media.step();
      this.#parts.events.look();
    }
    return { ok: true, waiting: this.#parts.turns.waiting };
  }

  async locate(): Promise<{ ok: true } & Located> {
    await this.#parts.loading.load();
    const { mediaWorker, workerUrl, ledger } = this.#parts.memory;
    return { ok: true, workerId: mediaWorker, workerUrl, mediaEpoch: ledger.mediaEpoch };
  }

  async describe(): Promise<{ ok: true } & CallDescription> {
    await this.#parts.loading.load();
    const { loaded, incarnation, ledger, mediaWorker, state } = this.#parts.memory;
    return {
      ok: true,
      callConnectionId: this.id,
      owner: this.#services.worker,
      incarnation,
      ownerEpoch: loaded ? this.#parts.writes.ownerEpoch : 0,
      mediaEpoch: ledger.mediaEpoch,
      mediaWorker,
      phase: state.phase,
      turns: ledger.lastSeq,
      archived: ledger.archivedThrough,
      waiting: this.#parts.turns.waiting,
    };
  }

  /** Whether memory is ahead of Redis. */
  get unsettled(): boolean {
    return this.#parts.turns.holding || this.#parts.writes.pending;
  }

  get context(): ConversationContext {
    return this.#parts.memory.context;
  }

  /** Deadlines of operations. */
  async #tick(dispatch: Dispatch): Promise<void> {
    if (this.#parts.control.tick()) await this.#parts.writes.fields(dispatch);
  }

  /** Its caller was erased since it began (design §4 rule 11): no word of it is written any more. */
  #isErased(): boolean {
    const { origin, incarnation } = this.#parts.memory;
    return this.#services.erasures.isErased(origin.subjectId, incarnation);
  }

  #alive(): void {
    this.#parts.memory.lastActivityMs = this.#services.now();
  }
}

const ignoreFailure = (thrown: unknown): void => {
  if (!(thrown instanceof JournalFailure)) throw thrown;
};
