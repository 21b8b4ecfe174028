/**
 * One call in the memory of its owner. Methods run one at a time (host.ts); each checks who asks, changes memory and
 * Redis in that order of truth, and answers. What may follow later (context snapshot, archive, closing) is asked of
 * the services and never waited for before the answer.
 */
import type { OperationLedger } from '../acs/operations.js';
import type { CallFact } from '../call/events.js';
import { type Missing, PATIENCE } from '../call/expectations.js';
import { Inbox } from '../call/inbox.js';
import { newIncarnation } from '../call/incarnation.js';
import { type ArchivedTurn, type HeldTurn, TurnLedger } from '../call/ledger.js';
import { type Effect, mergeStates, reduce } from '../call/reduce.js';
import { type CallState, initialState, isOver } from '../call/state.js';
import type { Turn, TurnOffer } from '../call/turn.js';
import { isTurnOffer } from '../call/turn.js';
import { codeOf, RtvoiceError } from '../errors.js';
import { applyTurn, type ConversationContext, emptyContext, withTurns } from '../memory/context.js';
import { CallControl } from './call-control.js';
import type {
  AttachArgs,
  Attached,
  CallDescription,
  CallOrigin,
  DetachArgs,
  Located,
  MediaLostArgs,
  Saying,
  SayingArgs,
  TranscriptionLostArgs,
  TurnAnswer,
  TurnArgs,
} from './call-messages.js';
import { holdTurn, openTurn, turnDocument } from './call-record.js';
import type { CallServices } from './call-services.js';
import { CallWatch } from './call-watch.js';
import { closeCall } from './closing.js';
import type {
  ControlArgs,
  ControlStarted,
  EventSignal,
  OperatedArgs,
  OperationsAnswer,
  StartedBy,
} from './control-messages.js';
import type { Dispatch, Instance } from './host.js';
import { MediaWatch } from './media-watch.js';
import {
  type CallSummary,
  type JournalEntry,
  JournalFailure,
  type SessionRecord,
  type SpanFacts,
} from './ports.js';
import { sealRemembered } from './remembered.js';
import { SessionWriter, type WholeFields, type Written } from './session-writer.js';

/** What of the session is not a cursor: kept as JSON in the field `data`, without personal data. */
interface SessionData {
  readonly state: CallState;
  readonly origin: CallOrigin;
  readonly workerUrl: string;
  readonly operations?: OperationLedger;
  /** Since when the call has no media worker. */
  readonly mediaLostAtMs?: number;
}

interface Pending {
  readonly args: TurnArgs;
}

/** A socket that closes is mostly the call's end, whose event follows at once, ms. */
const END_MAY_COME_MS = 400;

/** After a call's end the media worker has this long to hand in its last turn, ms. */
export const LAST_TURN_GRACE_MS = 3_000;

export class CallInstance implements Instance {
  readonly id: string;
  stale = false;
  readonly #services: CallServices;
  readonly #ledger = new TurnLedger();
  readonly #inbox = new Inbox();
  readonly #writer: SessionWriter;
  readonly #media: MediaWatch;
  readonly #control: CallControl;
  readonly #streams: ReturnType<CallControl['guard']>;
  readonly #watch: CallWatch;
  #state: CallState = initialState();
  #origin: CallOrigin = { correlationId: '' };
  /** The origin says more than the session in Redis. */
  #originLearnt = false;
  #context: ConversationContext = emptyContext();
  #saying: Saying | undefined;
  #mediaWorker = '';
  #workerUrl = '';
  /** Turns taken while the session could not even be read. */
  #pending: Pending[] = [];
  #loaded = false;
  #provisional: { incarnation: string; mediaEpoch: number } | undefined;
  #lastActivityMs: number;
  /** The media worker gave the call away in good order: its socket is still open. */
  #handingOver = false;
  /** Since when turns wait for Cosmos, for the trace. */
  #unarchivedSinceMs: number | undefined;
  /** Documents were offered up to this number. */
  #offeredThrough = 0;
  #archivedCursor = { epoch: 0, number: 0 };
  #reminded = false;
  #graceTimer: NodeJS.Timeout | undefined;

  constructor(id: string, services: CallServices) {
    this.id = id;
    this.#services = services;
    this.#lastActivityMs = services.now();
    this.#media = new MediaWatch({
      restart: () => {
        services.metrics.rule('media_restart');
        this.#streams.restartMedia(id, this.#handingOver ? 'active' : 'perhaps');
        this.#handingOver = false;
      },
      wake: () => services.settleLater(id),
      now: () => services.now(),
    });
    this.#control = new CallControl(id, {
      line: services.control,
      now: () => services.now(),
      wake: () => services.settleLater(id),
      correlationId: () => this.#origin.correlationId,
    });
    this.#streams = this.#control.guard(services.line);
    this.#watch = new CallWatch({
      now: () => services.now(),
      wake: () => services.settleLater(id),
      ask: (missing) => services.askAcs(id, missing),
      patience: { ...PATIENCE, silenceMs: services.silentAfterMs },
    });
    this.#writer = new SessionWriter(id, services.journal, this.#ledger, {
      fields: () => this.#fields(),
      fenced: () => services.drop(this),
      doubt: () => services.settleLater(id),
      adopt: (seen, entries) => this.#adopt(seen, entries),
      newestDispatch: () => services.newestDispatch(),
      count: (what) => services.metrics.rule(what),
    });
  }

  dispose(): void {
    this.#control.dispose();
    this.#watch.stop();
    this.#media.settled();
    clearTimeout(this.#graceTimer);
    this.#graceTimer = undefined;
    this.#services.backlog.forget(this.id);
  }

  /** The call was answered: its session exists from here on. ACS's first events may have come before. */
  async start(origin: CallOrigin, dispatch: Dispatch, by?: StartedBy): Promise<object> {
    if (await this.#load(origin)) {
      const born = by !== undefined && this.#control.born(by, fateOf(this.#state));
      if (born) await this.#write(dispatch);
      else await this.#writeLearnt(dispatch);
    }
    this.#look();
    return { ok: true };
  }

  async event(
    facts: readonly CallFact[],
    origin: CallOrigin,
    dispatch: Dispatch,
    signals: readonly EventSignal[] = [],
  ): Promise<object> {
    await this.#load(origin);
    this.#touchActivity();
    const admitted = new Set<string>();
    const effects: Effect[] = [];
    const before = this.#state;
    for (const fact of facts) {
      if (!this.#inbox.admit(fact)) continue;
      admitted.add(fact.id);
      this.#services.metrics.event(fact.kind);
      const reduced = reduce(this.#state, fact);
      this.#state = reduced.state;
      effects.push(...reduced.effects);
    }
    // Events that came twice end no second operation.
    const told = this.#control.observe(signals.filter(({ eventId }) => admitted.has(eventId)));
    if (this.#state !== before || told) await this.#write(dispatch);
    else await this.#writeLearnt(dispatch);
    for (const effect of effects) await this.#carryOut(effect, dispatch);
    if (facts.some(({ kind }) => kind !== 'reconciled')) this.#watch.came();
    this.#look();
    return { ok: true };
  }

  /** Enters an operation and has it sent; the answer and the outcome come later. */
  async control(args: ControlArgs, dispatch: Dispatch): Promise<{ ok: true } & ControlStarted> {
    if (!(await this.#load())) throw new RtvoiceError('RTV_REDIS_UNAVAILABLE');
    const started = this.#control.enter(args, isOver(this.#state));
    if (started.repeated) return { ok: true, ...started };
    // First in the session, then on the wire: an outcome is owed from here on, whoever owns the call.
    await this.#write(dispatch);
    this.#control.send(args);
    return { ok: true, ...started };
  }

  /** ACS answered the request of an operation. */
  async operated(args: OperatedArgs, dispatch: Dispatch): Promise<object> {
    if ((await this.#load()) && this.#control.answered(args.id, args.answer)) await this.#write(dispatch);
    return { ok: true };
  }

  async operations(dispatch: Dispatch): Promise<{ ok: true } & OperationsAnswer> {
    if (await this.#load()) await this.#tick(dispatch);
    return { ok: true, operations: this.#control.list() };
  }

  /** What ACS said when it was asked because something that had to come did not. */
  async reconciled(
    found: 'connecting' | 'connected' | 'disconnected' | 'unknown',
    missing: Missing,
    dispatch: Dispatch,
  ): Promise<object> {
    this.#services.metrics.rule('reconciled');
    if (found === 'unknown' || !(await this.#load())) return { ok: true };
    const now = this.#services.now();
    await this.event(
      [{ kind: 'reconciled', id: `reconciled-${now}`, atMs: now, found }],
      this.#origin,
      dispatch,
    );
    if (missing === 'media' && found === 'connected' && this.#mediaWorker === '' && !isOver(this.#state)) {
      this.#media.lost(0);
      this.#media.step();
    }
    return { ok: true };
  }

  /** A media worker takes the call's audio: a new media epoch, by a fenced write before the answer. */
  async attach(args: AttachArgs, dispatch: Dispatch): Promise<{ ok: true } & Attached> {
    const { previous } = args;
    const loaded = await this.#load(args.origin, previous);
    this.#touchActivity();
    if (!loaded) {
      // It has a place in the call already, and keeps it until Redis answers.
      if (previous && previous.mediaEpoch > 0) throw new RtvoiceError('RTV_REDIS_UNAVAILABLE');
      // Redis is away and nothing is known of the call: it starts in memory, and attaches again later.
      this.#mediaWorker = args.workerId;
      this.#workerUrl = args.workerUrl;
      this.#provisional ??= { incarnation: newIncarnation(this.#services.now()), mediaEpoch: 0 };
      return {
        ok: true,
        ...this.#provisional,
        provisional: true,
        context: this.#context,
        origin: this.#origin,
      };
    }
    if (this.#state.phase === 'ended') throw new RtvoiceError('RTV_CALL_ENDED');
    if (previous && previous.mediaEpoch > 0 && previous.incarnation !== this.#incarnation()) {
      await this.#reconcile();
      this.#services.metrics.rule('lineage_joined');
    }
    this.#mediaWorker = args.workerId;
    this.#workerUrl = args.workerUrl;
    const { gapMs } = this.#media;
    this.#media.settled();
    this.#watch.came();
    this.#look();
    this.#ledger.openEpoch(Math.max(this.#ledger.mediaEpoch, previous?.mediaEpoch ?? 0) + 1);
    await this.#write(dispatch);
    const saying = this.#saying;
    return {
      ok: true,
      incarnation: this.#incarnation(),
      mediaEpoch: this.#ledger.mediaEpoch,
      provisional: false,
      context: this.#context,
      origin: this.#origin,
      ...(saying ? { saying } : {}),
      gapMs,
    };
  }

  /** What the agent is about to say, so that another worker can go on if this one dies. */
  async say(args: SayingArgs, dispatch: Dispatch): Promise<object> {
    if (!(await this.#load())) return { ok: true };
    this.#checkMedia(args.incarnation, args.mediaEpoch);
    this.#saying = args.saying;
    await this.#write(dispatch);
    return { ok: true };
  }

  async turn(args: TurnArgs, dispatch: Dispatch): Promise<{ ok: true } & TurnAnswer> {
    if (!isTurnOffer(args.offer) || !Number.isInteger(args.turnNo))
      throw new RtvoiceError('RTV_TURN_INVALID');
    if (!(await this.#load())) return this.#hold(args);
    this.#touchActivity();
    this.#checkMedia(args.incarnation, args.mediaEpoch);
    if (this.#state.phase === 'ended') throw new RtvoiceError('RTV_CALL_ENDED');
    const numbering = this.#ledger.numbering(args.turnNo, args.offer.turnId);
    if (numbering.kind === 'gap') throw new TurnGap(numbering.expected);
    // Another turn has this number: the media worker attaches again and numbers anew.
    if (numbering.kind === 'other') throw new RtvoiceError('RTV_CALL_UNKNOWN');
    if (numbering.kind === 'next') this.#accept(args.turnNo, args.mediaEpoch, args.offer);
    // A duplicate completes whatever its first try left undone.
    const started = performance.now();
    await this.#span('turn.commit', { role: args.offer.role, number: args.turnNo }, () =>
      this.#writer.flush(dispatch),
    );
    const took = performance.now() - started;
    this.#afterFlush();
    const { turnId } = args.offer;
    const durable = this.#ledger.isDurable(turnId);
    if (!durable) this.#services.metrics.provisional(args.offer.role);
    else if (numbering.kind === 'next') this.#services.metrics.committed(took);
    return { ok: true, seq: this.#ledger.seqOf(turnId), durable, archivedNo: this.#archivedNo() };
  }

  /** The media worker let go of the call, with all its turns handed in. */
  async detach(args: DetachArgs, dispatch: Dispatch): Promise<object> {
    if (!(await this.#load())) return { ok: true };
    if (args.incarnation !== this.#incarnation() || args.mediaEpoch !== this.#ledger.mediaEpoch)
      return { ok: true };
    this.#handingOver = args.handOver ?? false;
    await this.#letGo(this.#handingOver ? 0 : END_MAY_COME_MS, dispatch);
    return { ok: true };
  }

  /** Another worker found the media worker dead. Ignored when another one has the call by now. */
  async mediaLost(args: MediaLostArgs, dispatch: Dispatch): Promise<object> {
    if (!(await this.#load())) return { ok: true, restarted: false };
    const same = args.workerId === this.#mediaWorker && args.mediaEpoch === this.#ledger.mediaEpoch;
    if (!same || isOver(this.#state)) return { ok: true, restarted: false };
    this.#services.metrics.rule('media_lost');
    await this.#letGo(0, dispatch, args.silentMs);
    return { ok: true, restarted: true };
  }

  /** The worker that had the transcription socket lost it, or gives it away. */
  async transcriptionLost(args: TranscriptionLostArgs): Promise<object> {
    if (!(await this.#load()) || isOver(this.#state)) return { ok: true };
    this.#services.metrics.rule('transcription_restart');
    this.#streams.restartTranscription(this.id, args.handOver ? 'active' : 'perhaps');
    return { ok: true };
  }

  /** No media worker has the call from here on: ask ACS to open its sockets again, unless the call is over. */
  async #letGo(graceMs: number, dispatch: Dispatch, silentMs = 0): Promise<void> {
    this.#mediaWorker = '';
    this.#workerUrl = '';
    const over = isOver(this.#state);
    if (!over) this.#media.lost(graceMs, this.#services.now() - silentMs);
    await this.#write(dispatch);
    if (over) {
      await this.#finish(dispatch);
      return;
    }
    if (graceMs === 0) this.#media.step();
  }

  /** Cosmos holds exactly these turns. */
  async archived(turns: readonly ArchivedTurn[], dispatch: Dispatch): Promise<object> {
    if (!(await this.#load())) return { ok: true };
    this.#ledger.archived(turns);
    this.#traceArchived(turns.length);
    if (isOver(this.#state)) await this.#finish(dispatch);
    return { ok: true };
  }

  /** Cosmos holds another turn under one of these numbers: state was lost. Memory is brought in line with Cosmos. */
  async conflict(dispatch: Dispatch): Promise<object> {
    if (!(await this.#load())) return { ok: true };
    await this.#reconcile();
    await this.#flushAndFollow(dispatch);
    return { ok: true };
  }

  /** The recurring reminder: archives what is left, slides TTLs, ends calls that went silent. */
  async keep(dispatch: Dispatch): Promise<object> {
    if (!(await this.#loadAnyhow())) return { ok: true };
    await this.#tick(dispatch);
    if (this.#state.phase === 'ended') {
      await this.#services.liveIndex.remove(this.id).catch(() => undefined);
      await this.#services.reminders.unregister(this.id);
      return { ok: true };
    }
    // A write even of nothing new: so a stale owner finds out.
    await this.#write(dispatch);
    await this.#services.journal.touch(this.id).catch(ignoreFailure);
    await this.#services.liveIndex.add(this.id).catch(() => undefined);
    this.#offerAll();
    if (isOver(this.#state)) await this.#finish(dispatch);
    else this.#look();
    return { ok: true };
  }

  /** Does what a doubt or a return of Redis left to do. Routed through Dapr, so it proves where the actor lives. */
  async settle(dispatch: Dispatch): Promise<object> {
    if (await this.#loadAnyhow()) {
      await this.#flushAndFollow(dispatch);
      await this.#tick(dispatch);
      if (isOver(this.#state)) await this.#finish(dispatch);
      else this.#media.step();
      this.#look();
    }
    return { ok: true, waiting: this.#ledger.waiting.length + this.#pending.length };
  }

  async locate(): Promise<{ ok: true } & Located> {
    await this.#load();
    return {
      ok: true,
      workerId: this.#mediaWorker,
      workerUrl: this.#workerUrl,
      mediaEpoch: this.#ledger.mediaEpoch,
    };
  }

  async describe(): Promise<{ ok: true } & CallDescription> {
    await this.#load();
    return {
      ok: true,
      callConnectionId: this.id,
      incarnation: this.#incarnation(),
      ownerEpoch: this.#loaded ? (this.#writer.own?.ownerEpoch ?? 0) : 0,
      mediaEpoch: this.#ledger.mediaEpoch,
      mediaWorker: this.#mediaWorker,
      phase: this.#state.phase,
      turns: this.#ledger.lastSeq,
      archived: this.#ledger.archivedThrough,
      waiting: this.#ledger.waiting.length + this.#pending.length,
    };
  }

  /** Whether memory is ahead of Redis. */
  get unsettled(): boolean {
    return this.#pending.length > 0 || this.#writer.pending;
  }

  get context(): ConversationContext {
    return this.#context;
  }

  /** true: the session is claimed and read. false: Redis is away. @throws RTV_CALL_UNKNOWN, RTV_CALL_ENDED */
  async #load(create?: CallOrigin, previous?: AttachArgs['previous']): Promise<boolean> {
    if (create) this.#learn(create);
    if (this.#loaded) return true;
    const origin = create || this.#provisional ? this.#origin : undefined;
    try {
      if (origin) await this.#services.liveIndex.add(this.id);
      const session = await this.#writer.claim();
      const record = session === 'absent' ? await this.#create(origin, previous) : session;
      if (record === undefined) throw new RtvoiceError('RTV_CALL_UNKNOWN');
      await this.#takeOver(record);
      return true;
    } catch (thrown) {
      // Absent is not failed: without an answer of Redis, or of Cosmos where Redis lost turns, nothing is concluded.
      if (thrown instanceof JournalFailure || codeOf(thrown) === 'RTV_COSMOS_UNAVAILABLE') {
        this.#services.wakeWhenBack(this.id);
        return false;
      }
      throw thrown;
    }
  }

  /** As `load`; where the journal outlived its session, the call is found by it. */
  async #loadAnyhow(): Promise<boolean> {
    try {
      return await this.#load();
    } catch (thrown) {
      if (codeOf(thrown) !== 'RTV_CALL_UNKNOWN') throw thrown;
      const left = await this.#services.journal.entries(this.id).catch(() => []);
      if (left.length === 0) throw thrown;
      this.#services.metrics.rule('orphaned');
      return this.#load({ correlationId: '' });
    }
  }

  async #create(
    origin: CallOrigin | undefined,
    previous: AttachArgs['previous'],
  ): Promise<SessionRecord | undefined> {
    if (await this.#services.closing.hasEnded(this.id)) {
      await this.#services.liveIndex.remove(this.id);
      throw new RtvoiceError('RTV_CALL_ENDED');
    }
    if (!origin) return undefined;
    const data: SessionData = { state: this.#state, origin, workerUrl: this.#workerUrl };
    if (await this.#services.migrateLegacy(this.id, JSON.stringify(data))) {
      const migrated = await this.#writer.claim();
      if (migrated !== 'absent') return migrated;
    }
    // Redis lost a call that was known: it goes on under its incarnation, after what Cosmos holds.
    const known = previous && previous.mediaEpoch > 0 ? previous.incarnation : undefined;
    const archived = known ? await this.#services.closing.archivedTurns(this.id) : [];
    const incarnation = known ?? this.#provisional?.incarnation ?? newIncarnation(this.#services.now());
    const seq = archived.at(-1)?.seq ?? 0;
    const created = await this.#writer.claim({ incarnation, data: JSON.stringify(data), seq });
    return created === 'absent' ? undefined : created;
  }

  async #takeOver(record: SessionRecord): Promise<void> {
    const [entries, snapshot] = await Promise.all([
      this.#services.journal.entries(this.id),
      record.seq > 0 ? this.#services.contexts.load(this.id).catch(() => undefined) : undefined,
    ]);
    const turns = this.#openAll(entries);
    // Redis lost turns: their ids, which may be sent again, are in Cosmos; numbers go on after what is known of them.
    const known = entries.at(-1)?.seq ?? 0;
    const lost = entries.length < Math.max(record.seq, known);
    const archived = lost ? await this.#services.closing.archivedTurns(this.id) : [];
    if (this.stale) return;
    const lastSeq = Math.max(known, archived.at(-1)?.seq ?? 0);
    const archivedThrough = Math.min(record.archivedThrough, lastSeq);
    // A session made anew counts from 0; the turns tell which epochs were given in the lost one.
    const mediaEpoch = Math.max(record.mediaEpoch, ...turns.map(({ turn }) => turn.mediaEpoch));
    this.#ledger.restore({ ...record, mediaEpoch, turns, lastSeq, archivedThrough });
    if (lost) this.#alignWith(archived);
    if (lastSeq !== record.seq) this.#writer.rewrite();
    this.#context = withTurns(
      snapshot ?? emptyContext(),
      turns.map(({ turn }) => turn),
    );
    this.#takeFields(record);
    this.#loaded = true;
    if (this.#state.phase !== 'ended') {
      this.#remind();
      this.#offerAll();
    }
    this.#services.metrics.activated(record.seq > 0);
    this.#replayPending();
  }

  /** What the session says, together with what was learnt while it could not be read. */
  #takeFields(record: SessionRecord): void {
    const data = JSON.parse(record.data) as Partial<SessionData>;
    const [state, origin] = [this.#state, this.#origin];
    this.#state = mergeStates(data.state ?? initialState(), state);
    this.#origin = data.origin ?? { correlationId: '' };
    this.#originLearnt = false;
    this.#learn(origin);
    const provisional = this.#provisional !== undefined && record.mediaWorker === '';
    if (!provisional) {
      this.#mediaWorker = record.mediaWorker;
      this.#workerUrl = data.workerUrl ?? '';
    }
    this.#saying = this.#openSaying(record.saying);
    this.#control.restore(data.operations);
    const news = JSON.stringify(this.#state) !== JSON.stringify(data.state);
    if (provisional || news || this.#originLearnt) this.#writer.fieldsChanged();
    if (this.#state.phase === 'connected' && this.#mediaWorker === '' && record.mediaEpoch > 0) {
      this.#media.lost(END_MAY_COME_MS, data.mediaLostAtMs);
    }
  }

  /** Brings memory in line with what Cosmos holds of the call. */
  async #reconcile(): Promise<void> {
    const found = await this.#services.closing.archivedTurns(this.id);
    if (!this.stale) this.#alignWith(found);
  }

  #alignWith(found: readonly ArchivedTurn[]): void {
    if (!this.#ledger.reconcile(found)) return;
    this.#services.metrics.rule('renumbered');
    this.#services.turns.withdraw(this.id);
    this.#offeredThrough = 0;
    this.#writer.rewrite();
  }

  #openAll(entries: readonly JournalEntry[]): HeldTurn[] {
    return entries.flatMap((entry) => {
      const opened = openTurn(this.#services.seal, this.id, entry);
      if (!opened?.readable) this.#services.metrics.rule('unreadable');
      return opened ? [opened.held] : [];
    });
  }

  /** Turns held while the session was unreadable join the order now; the media worker may send them again. */
  #replayPending(): void {
    const pending = this.#pending;
    this.#pending = [];
    const provisional = this.#provisional;
    this.#provisional = undefined;
    const { mediaEpoch } = this.#ledger;
    for (const { args } of pending) {
      const here = args.incarnation === this.#incarnation() && args.mediaEpoch === mediaEpoch;
      const next = here && this.#ledger.numbering(args.turnNo, args.offer.turnId).kind === 'next';
      // Taken in an attachment that is over: without a number, known by its id when it is sent again.
      const loose = args.incarnation === provisional?.incarnation;
      if (next || loose) this.#accept(next ? args.turnNo : 0, next ? mediaEpoch : 0, args.offer);
    }
    this.#services.backlog.set(this.id, this.#ledger.waitingBytes, this.#ledger.waiting.length);
  }

  #hold(args: TurnArgs): { ok: true } & TurnAnswer {
    const last = this.#pending.at(-1)?.args;
    const same = last?.mediaEpoch === args.mediaEpoch;
    if (same && last && args.turnNo > last.turnNo + 1) throw new TurnGap(last.turnNo + 1);
    if (!same || !last || args.turnNo > last.turnNo) {
      const bytes = this.#pending.reduce(
        (sum, held) => sum + held.args.offer.text.length,
        args.offer.text.length,
      );
      if (!this.#services.backlog.set(this.id, bytes, this.#pending.length + 1)) {
        throw new RtvoiceError('RTV_BACKLOG_FULL');
      }
      this.#pending.push({ args });
    }
    this.#services.metrics.provisional(args.offer.role);
    return { ok: true, seq: 0, durable: false, archivedNo: 0 };
  }

  #accept(turnNo: number, mediaEpoch: number, offer: TurnOffer): void {
    if (this.#ledger.knows(offer.turnId)) {
      if (turnNo > 0) this.#ledger.acknowledgeAgain(turnNo, offer.turnId);
      return;
    }
    const turn: Turn = { ...offer, seq: 0, mediaEpoch, turnNo };
    const held = holdTurn(this.#services.seal, this.id, turn);
    this.#ledger.accept(held);
    if (!this.#services.backlog.set(this.id, this.#ledger.waitingBytes, this.#ledger.waiting.length)) {
      this.#ledger.retract(held);
      throw new RtvoiceError('RTV_BACKLOG_FULL');
    }
    this.#context = applyTurn(this.#context, turn);
    if (turn.role === 'agent') this.#saying = undefined;
  }

  async #flushAndFollow(dispatch: Dispatch): Promise<void> {
    await this.#writer.flush(dispatch);
    this.#afterFlush();
  }

  async #write(dispatch: Dispatch): Promise<Written> {
    const written = await this.#writer.writeFields(dispatch);
    this.#afterFlush();
    return written;
  }

  /** Everything that follows a commit and is not waited for. */
  #afterFlush(): void {
    if (this.stale) return;
    this.#services.backlog.set(this.id, this.#ledger.waitingBytes, this.#ledger.waiting.length);
    if (this.#writer.pending) this.#services.wakeWhenBack(this.id);
    if (this.#writer.pending || this.#context.throughSeq === this.#ledger.lastSeq) return;
    this.#context = { ...this.#context, throughSeq: this.#ledger.lastSeq };
    this.#services.contexts.changed(this.id, this.#context);
    if (this.#ledger.unarchivedCount > 0) this.#unarchivedSinceMs ??= this.#services.now();
    this.#offerFrom(this.#offeredThrough);
  }

  #offerAll(): void {
    this.#offerFrom(0);
  }

  #offerFrom(after: number): void {
    const own = this.#writer.own;
    if (!own) return;
    for (const held of this.#ledger.unarchived(after)) {
      if (!this.#services.turns.offer(turnDocument(this.id, own.incarnation, held), this.#origin.subjectId))
        return;
      this.#offeredThrough = held.turn.seq;
    }
  }

  async #carryOut(effect: Effect, dispatch: Dispatch): Promise<void> {
    if (effect.kind === 'finish') await this.#finish(dispatch);
    else if (effect.kind === 'restartMedia') {
      // With a media worker attached its socket tells: the event may be the echo of a restart of our own.
      if (this.#mediaWorker !== '') return;
      this.#media.lost(0);
      this.#media.step();
    } else this.#streams.restartTranscription(this.id, 'perhaps');
  }

  /** Closes the record once everything is in it. Whatever fails is done again by the next call of it. */
  async #finish(dispatch: Dispatch): Promise<void> {
    const own = this.#writer.own;
    if (!own || this.#state.phase === 'ended') return;
    const sinceEnd = this.#services.now() - (this.#state.disconnectedAtMs ?? 0);
    if (this.#mediaWorker !== '' && sinceEnd < LAST_TURN_GRACE_MS) {
      this.#graceTimer ??= setTimeout(() => {
        this.#graceTimer = undefined;
        this.#services.settleLater(this.id);
      }, LAST_TURN_GRACE_MS).unref();
      return;
    }
    // A write, and not only what waits: an owner that has become stale unawares must not close the record.
    await this.#write(dispatch);
    if (this.#writer.pending || this.#ledger.unarchivedCount > 0) {
      this.#offerAll();
      return;
    }
    await this.#span('call.close', { turns: this.#ledger.lastSeq }, () => this.#close(dispatch));
  }

  async #close(dispatch: Dispatch): Promise<void> {
    const closed = await closeCall(this.id, this.#summary(), this.#mediaWorker, this.#services);
    if (!closed) return;
    this.#state = { ...this.#state, phase: 'ended' };
    this.#mediaWorker = '';
    this.#saying = undefined;
    if ((await this.#write(dispatch)) !== 'durable') {
      this.#state = { ...this.#state, phase: 'disconnected' };
      return;
    }
    await this.#services.contexts.flush(this.id);
    await this.#services.liveIndex.remove(this.id).catch(() => undefined);
    if (await this.#services.reminders.unregister(this.id)) this.#reminded = false;
    this.#services.metrics.ended();
  }

  #summary(): CallSummary {
    const { connectedAtMs, disconnectedAtMs, end } = this.#state;
    const remembered = sealRemembered(this.#services.seal, this.id, this.#context.slots);
    return {
      callConnectionId: this.id,
      incarnation: this.#incarnation(),
      correlationId: this.#origin.correlationId,
      ...(this.#origin.subjectId ? { subjectId: this.#origin.subjectId } : {}),
      turns: this.#ledger.lastSeq,
      ...(connectedAtMs ? { connectedAt: new Date(connectedAtMs).toISOString() } : {}),
      ...(disconnectedAtMs ? { disconnectedAt: new Date(disconnectedAtMs).toISOString() } : {}),
      outcome: end && end.code >= 400 && end.code !== 487 ? `failed_${end.code}` : 'completed',
      ...(remembered ? { remembered } : {}),
    };
  }

  /** Deadlines of operations. */
  async #tick(dispatch: Dispatch): Promise<void> {
    if (this.#control.tick()) await this.#write(dispatch);
  }

  /** Whether something that had to come did not. */
  #look(): void {
    const { phase, connectedAtMs } = this.#state;
    const bornAtMs = Number.parseInt(this.#incarnation().slice(0, 12), 16);
    this.#watch.look({
      phase,
      bornAtMs: Number.isFinite(bornAtMs) ? bornAtMs : this.#lastActivityMs,
      ...(connectedAtMs === undefined ? {} : { connectedAtMs }),
      attached: this.#mediaWorker !== '' || !this.#control.wants('media'),
      lastSignAtMs: this.#lastActivityMs,
    });
  }

  /** The store went back in time, and another owner wrote meanwhile: nothing of it is lost. */
  #adopt(seen: SessionRecord | undefined, entries: readonly JournalEntry[]): void {
    if (seen) {
      const data = JSON.parse(seen.data) as Partial<SessionData>;
      if (data.state) this.#state = mergeStates(this.#state, data.state);
      if (data.origin) this.#learn(data.origin);
      if (seen.mediaEpoch > this.#ledger.mediaEpoch) {
        this.#ledger.openEpoch(seen.mediaEpoch);
        this.#mediaWorker = seen.mediaWorker;
        this.#workerUrl = data.workerUrl ?? '';
      }
    }
    for (const { turn } of this.#ledger.adopt(this.#openAll(entries))) {
      this.#services.metrics.rule('adopted');
      this.#context = applyTurn(this.#context, { ...turn, seq: 0 });
    }
  }

  #remind(): void {
    if (this.#reminded) return;
    this.#reminded = true;
    this.#services.reminders.register(this.id).then(
      (registered) => {
        this.#reminded = registered;
      },
      () => {
        this.#reminded = false;
      },
    );
  }

  #openSaying(sealed: string): Saying | undefined {
    if (sealed === '') return undefined;
    try {
      return this.#services.seal.reveal('saying', this.id, sealed) as Saying;
    } catch {
      this.#services.metrics.rule('unreadable');
      return undefined;
    }
  }

  #fields(): WholeFields {
    this.#originLearnt = false;
    const operations = this.#control.ledger;
    const data: SessionData = {
      state: this.#state,
      origin: this.#origin,
      workerUrl: this.#workerUrl,
      ...(operations ? { operations } : {}),
      ...(this.#media.sinceMs === undefined ? {} : { mediaLostAtMs: this.#media.sinceMs }),
    };
    return {
      mediaEpoch: this.#ledger.mediaEpoch,
      mediaWorker: this.#mediaWorker,
      archivedThrough: this.#ledger.archivedThrough,
      data: JSON.stringify(data),
      saying: this.#saying ? this.#services.seal.protect('saying', this.id, this.#saying) : '',
    };
  }

  /** The media worker may forget its turns up to this number of the current epoch. */
  #archivedNo(): number {
    const epoch = this.#ledger.mediaEpoch;
    const from = this.#archivedCursor.epoch === epoch ? this.#archivedCursor.number : 0;
    this.#archivedCursor = { epoch, number: this.#ledger.archivedNumber(from) };
    return this.#archivedCursor.number;
  }

  #checkMedia(incarnation: string, mediaEpoch: number): void {
    // A higher epoch than known: state went back in time, and the media worker must take a new one.
    const lost = mediaEpoch > this.#ledger.mediaEpoch;
    if (lost || incarnation !== this.#incarnation()) throw new RtvoiceError('RTV_CALL_UNKNOWN');
    if (mediaEpoch !== this.#ledger.mediaEpoch) throw new RtvoiceError('RTV_FENCED_MEDIA');
  }

  #incarnation(): string {
    return (this.#loaded ? this.#writer.own?.incarnation : this.#provisional?.incarnation) ?? '';
  }

  /** What is known of the call adds up: ACS's events, the answer and the media socket come in any order. */
  #learn(origin: CallOrigin): void {
    const known = this.#origin;
    const merged: CallOrigin = {
      ...origin,
      ...known,
      correlationId: known.correlationId || origin.correlationId,
    };
    const news = (['correlationId', 'subjectId', 'traceparent'] as const).some(
      (name) => merged[name] !== known[name],
    );
    if (!news) return;
    this.#origin = merged;
    this.#originLearnt = true;
  }

  async #writeLearnt(dispatch: Dispatch): Promise<void> {
    if (!this.#originLearnt || !this.#writer.own || this.#state.phase === 'ended') return;
    await this.#write(dispatch);
  }

  #span<T>(name: string, facts: SpanFacts, work: () => Promise<T>): Promise<T> {
    return this.#services.trace.span(name, this.#origin.traceparent, { call: this.id, ...facts }, work);
  }

  #traceArchived(turns: number): void {
    const now = this.#services.now();
    const since = this.#unarchivedSinceMs ?? now;
    const facts = { call: this.id, turns };
    this.#services.trace.past('turns.archive', this.#origin.traceparent, facts, since, now);
    this.#unarchivedSinceMs = this.#ledger.unarchivedCount > 0 ? now : undefined;
  }

  #touchActivity(): void {
    this.#lastActivityMs = this.#services.now();
  }
}

/** What became of the operation that made the call. */
const fateOf = ({ phase, connectedAtMs }: CallState): 'open' | 'connected' | 'failed' => {
  if (connectedAtMs !== undefined || phase === 'connected') return 'connected';
  return phase === 'connecting' ? 'open' : 'failed';
};

/** RTV_TURN_GAP with the number that is expected. */
export class TurnGap extends RtvoiceError {
  readonly expected: number;

  constructor(expected: number) {
    super('RTV_TURN_GAP', `expected ${expected}`);
    this.expected = expected;
  }
}

const ignoreFailure = (thrown: unknown): void => {
  if (!(thrown instanceof JournalFailure)) throw thrown;
};
