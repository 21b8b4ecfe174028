/**
 * One call in the memory of its owner. Methods run one at a time (host.ts); each checks who asks, changes memory and
 * Redis in that order of truth, and answers. What may follow later (context snapshot, archive, closing) is asked of
 * the services and never waited for before the answer.
 */
import type { CallFact } from '../call/events.js';
import { Inbox } from '../call/inbox.js';
import { newIncarnation } from '../call/incarnation.js';
import { TurnLedger } from '../call/ledger.js';
import { type Effect, reduce } from '../call/reduce.js';
import { type CallState, initialState, isOver } from '../call/state.js';
import type { Turn, TurnOffer } from '../call/turn.js';
import { isTurnOffer } from '../call/turn.js';
import { RtvoiceError } from '../errors.js';
import { applyTurn, type ConversationContext, emptyContext } from '../memory/context.js';
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
  TurnAnswer,
  TurnArgs,
} from './call-messages.js';
import { holdTurn, openTurn, turnDocument } from './call-record.js';
import type { CallServices } from './call-services.js';
import { closeCall } from './closing.js';
import type { Dispatch, Instance } from './host.js';
import { type CallSummary, JournalFailure, type SessionFields, type SessionRecord } from './ports.js';
import { SessionWriter } from './session-writer.js';

/** What of the session is not a cursor: kept as JSON in the field `data`, without personal data. */
interface SessionData {
  readonly state: CallState;
  readonly origin: CallOrigin;
  readonly workerUrl: string;
}

interface Pending {
  readonly args: TurnArgs;
}

/** After a call's end the media worker has this long to hand in its last turn, ms. */
export const LAST_TURN_GRACE_MS = 3_000;

export class CallInstance implements Instance {
  readonly id: string;
  stale = false;
  readonly #services: CallServices;
  readonly #ledger = new TurnLedger();
  readonly #inbox = new Inbox();
  readonly #writer: SessionWriter;
  #state: CallState = initialState();
  #origin: CallOrigin = { correlationId: '' };
  #context: ConversationContext = emptyContext();
  #saying: Saying | undefined;
  #mediaWorker = '';
  #workerUrl = '';
  /** Turns taken while the session could not even be read. */
  #pending: Pending[] = [];
  /** A media worker came back with a call that Redis may have lost. */
  #previous: AttachArgs['previous'];
  #provisional: { incarnation: string; mediaEpoch: number } | undefined;
  #lastActivityMs: number;
  #archivedCursor = { epoch: 0, number: 0 };
  #reminded = false;
  #graceTimer: NodeJS.Timeout | undefined;

  constructor(id: string, services: CallServices) {
    this.id = id;
    this.#services = services;
    this.#lastActivityMs = services.now();
    this.#writer = new SessionWriter(id, services.journal, this.#ledger, {
      fields: () => this.#fields(),
      fenced: () => services.drop(this),
      doubt: () => services.settleLater(id),
      adopt: (entries) => this.#adopt(entries),
      newestDispatch: () => services.newestDispatch(),
      count: (what) => services.metrics.rule(what),
    });
  }

  dispose(): void {
    clearTimeout(this.#graceTimer);
    this.#graceTimer = undefined;
    this.#services.backlog.forget(this.id);
  }

  /** The call was answered: its session exists from here on. */
  async start(origin: CallOrigin): Promise<object> {
    await this.#load(origin);
    return { ok: true };
  }

  async event(facts: readonly CallFact[], origin: CallOrigin, dispatch: Dispatch): Promise<object> {
    await this.#load(origin);
    this.#touchActivity();
    const effects: Effect[] = [];
    const before = this.#state;
    for (const fact of facts) {
      if (!this.#inbox.admit(fact)) continue;
      this.#services.metrics.event(fact.kind);
      const reduced = reduce(this.#state, fact);
      this.#state = reduced.state;
      effects.push(...reduced.effects);
    }
    if (this.#state !== before) await this.#writer.writeFields(dispatch);
    for (const effect of effects) await this.#carryOut(effect, dispatch);
    return { ok: true };
  }

  /** A media worker takes the call's audio: a new media epoch, by a fenced write before the answer. */
  async attach(args: AttachArgs, dispatch: Dispatch): Promise<{ ok: true } & Attached> {
    this.#previous = args.previous;
    const loaded = await this.#load(args.origin);
    this.#touchActivity();
    this.#mediaWorker = args.workerId;
    this.#workerUrl = args.workerUrl;
    if (!loaded) {
      // Redis is away and nothing is known of the call: it starts in memory, and attaches again later.
      this.#provisional ??= { incarnation: newIncarnation(this.#services.now()), mediaEpoch: 0 };
      return { ok: true, ...this.#provisional, provisional: true, context: this.#context };
    }
    if (this.#state.phase === 'ended') throw new RtvoiceError('RTV_CALL_ENDED');
    this.#ledger.openEpoch(Math.max(this.#ledger.mediaEpoch, args.previous?.mediaEpoch ?? 0) + 1);
    await this.#writer.writeFields(dispatch);
    const saying = this.#saying;
    return {
      ok: true,
      incarnation: this.#incarnation(),
      mediaEpoch: this.#ledger.mediaEpoch,
      provisional: false,
      context: this.#context,
      ...(saying ? { saying } : {}),
      ...(this.#origin.traceparent ? { traceparent: this.#origin.traceparent } : {}),
    };
  }

  /** What the agent is about to say, so that another worker can go on if this one dies. */
  async say(args: SayingArgs, dispatch: Dispatch): Promise<object> {
    if (!(await this.#load())) return { ok: true };
    this.#checkMedia(args.incarnation, args.mediaEpoch);
    this.#saying = args.saying;
    await this.#writer.writeFields(dispatch);
    return { ok: true };
  }

  async turn(args: TurnArgs, dispatch: Dispatch): Promise<{ ok: true } & TurnAnswer> {
    if (!isTurnOffer(args.offer) || !Number.isInteger(args.turnNo))
      throw new RtvoiceError('RTV_TURN_INVALID');
    if (!(await this.#load())) return this.#hold(args);
    this.#touchActivity();
    this.#checkMedia(args.incarnation, args.mediaEpoch);
    if (this.#state.phase === 'ended') throw new RtvoiceError('RTV_CALL_ENDED');
    const numbering = this.#ledger.numbering(args.turnNo);
    if (numbering.kind === 'gap') throw new TurnGap(numbering.expected);
    if (numbering.kind === 'next') this.#accept(args.turnNo, args.mediaEpoch, args.offer);
    // A duplicate completes whatever its first try left undone.
    const started = this.#services.now();
    const written = await this.#writer.flush(dispatch);
    this.#afterFlush();
    const seq = this.#ledger.answered(args.turnNo);
    const durable = written === 'durable' || seq > 0;
    if (durable) this.#services.metrics.committed(this.#services.now() - started);
    else this.#services.metrics.provisional(args.offer.role);
    return { ok: true, seq, durable, archivedNo: this.#archivedNo() };
  }

  /** The media worker let go of the call, with all its turns handed in. */
  async detach(args: DetachArgs, dispatch: Dispatch): Promise<object> {
    if (!(await this.#load())) return { ok: true };
    if (args.incarnation !== this.#incarnation() || args.mediaEpoch !== this.#ledger.mediaEpoch)
      return { ok: true };
    this.#mediaWorker = '';
    this.#workerUrl = '';
    await this.#writer.writeFields(dispatch);
    if (isOver(this.#state)) await this.#finish(dispatch);
    return { ok: true };
  }

  /** Another worker found the media worker dead. Ignored when another one has the call by now. */
  async mediaLost(args: MediaLostArgs): Promise<object> {
    if (!(await this.#load())) return { ok: true, restarted: false };
    const same = args.workerId === this.#mediaWorker && args.mediaEpoch === this.#ledger.mediaEpoch;
    if (!same || isOver(this.#state)) return { ok: true, restarted: false };
    this.#services.line.restartMedia(this.id);
    this.#services.line.restartTranscription(this.id);
    return { ok: true, restarted: true };
  }

  async archived(incarnation: string, seqs: readonly number[], dispatch: Dispatch): Promise<object> {
    if (!(await this.#load()) || incarnation !== this.#incarnation()) return { ok: true };
    this.#ledger.archived(seqs);
    if (isOver(this.#state)) await this.#finish(dispatch);
    return { ok: true };
  }

  /** Cosmos holds another turn under this number: state was lost. The turn gets a number after Cosmos's tail. */
  async conflict(seq: number, tail: number, dispatch: Dispatch): Promise<object> {
    if (!(await this.#load())) return { ok: true };
    this.#services.metrics.rule('renumbered');
    if (this.#ledger.renumber(seq, tail)) await this.#flushAndFollow(dispatch);
    return { ok: true };
  }

  /** The recurring reminder: archives what is left, slides TTLs, ends calls that went silent. */
  async keep(dispatch: Dispatch): Promise<object> {
    if (!(await this.#load())) {
      return { ok: true };
    }
    if (this.#state.phase === 'ended') {
      await this.#services.reminders.unregister(this.id);
      return { ok: true };
    }
    await this.#flushAndFollow(dispatch);
    await this.#services.journal.touch(this.id).catch(ignoreFailure);
    await this.#services.liveIndex.add(this.id).catch(() => undefined);
    this.#offerAll();
    if (isOver(this.#state)) await this.#finish(dispatch);
    else if (this.#services.now() - this.#lastActivityMs > this.#services.silentAfterMs)
      await this.#reconcile(dispatch);
    return { ok: true };
  }

  /** Does what a doubt or a return of Redis left to do. Routed through Dapr, so it proves where the actor lives. */
  async settle(dispatch: Dispatch): Promise<object> {
    if (await this.#load()) {
      await this.#flushAndFollow(dispatch);
      if (isOver(this.#state)) await this.#finish(dispatch);
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
      incarnation: this.#writer.own?.incarnation ?? '',
      ownerEpoch: this.#writer.own?.ownerEpoch ?? 0,
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

  /** true: the session is claimed. false: Redis is away. @throws RTV_CALL_UNKNOWN, RTV_CALL_ENDED */
  async #load(create?: CallOrigin): Promise<boolean> {
    if (this.#writer.own) return true;
    const incarnation =
      this.#previous?.incarnation ?? this.#provisional?.incarnation ?? newIncarnation(this.#services.now());
    const origin = create ?? (this.#provisional ? this.#origin : undefined);
    if (create) this.#origin = create;
    try {
      if (origin) await this.#services.liveIndex.add(this.id);
      const session = await this.#writer.claim();
      const record = session === 'absent' ? await this.#create(origin, incarnation) : session;
      if (record === undefined) throw new RtvoiceError('RTV_CALL_UNKNOWN');
      await this.#takeOver(record);
      return true;
    } catch (thrown) {
      if (thrown instanceof JournalFailure) {
        this.#services.wakeWhenBack(this.id);
        return false;
      }
      throw thrown;
    }
  }

  async #create(origin: CallOrigin | undefined, incarnation: string): Promise<SessionRecord | undefined> {
    if (await this.#services.closing.hasEnded(this.id)) {
      await this.#services.liveIndex.remove(this.id);
      throw new RtvoiceError('RTV_CALL_ENDED');
    }
    if (!origin) return undefined;
    const data: SessionData = { state: this.#state, origin, workerUrl: this.#workerUrl };
    const created = await this.#writer.claim({ incarnation, data: JSON.stringify(data) });
    if (created === 'absent') return undefined;
    // Redis lost a call that was known: its numbers go on from what Cosmos holds.
    const tail = this.#previous ? await this.#services.closing.transcriptTail(this.id, incarnation) : 0;
    return { ...created, seq: tail, archivedThrough: tail };
  }

  async #takeOver(record: SessionRecord): Promise<void> {
    const data = JSON.parse(record.data) as SessionData;
    this.#state = data.state;
    this.#origin = data.origin;
    this.#mediaWorker = record.mediaWorker;
    this.#workerUrl = data.workerUrl;
    const [entries, snapshot] = await Promise.all([
      record.seq > 0 ? this.#services.journal.entries(this.id) : [],
      record.seq > 0 ? this.#services.contexts.load(this.id).catch(() => undefined) : undefined,
    ]);
    const turns = entries.flatMap((entry) => {
      const opened = openTurn(this.#services.seal, this.id, entry);
      if (!opened?.readable) this.#services.metrics.rule('unreadable');
      return opened ? [opened.held] : [];
    });
    turns.sort((a, b) => a.turn.seq - b.turn.seq);
    this.#ledger.restore(turns, record.seq, record.mediaEpoch, record.archivedThrough);
    this.#context = turns.reduce(
      (context, held) => applyTurn(context, held.turn),
      snapshot ?? emptyContext(),
    );
    this.#saying = this.#openSaying(record.saying);
    if (this.#state.phase !== 'ended') {
      this.#remind();
      this.#offerAll();
    }
    this.#services.metrics.activated(record.seq > 0);
    this.#replayPending();
  }

  /** Turns held while the session was unreadable join the order now; the media worker may send them again. */
  #replayPending(): void {
    const pending = this.#pending;
    this.#pending = [];
    const provisional = this.#provisional;
    this.#provisional = undefined;
    for (const { args } of pending) {
      const foreign = provisional !== undefined && args.incarnation === provisional.incarnation;
      if (!foreign && args.mediaEpoch !== this.#ledger.mediaEpoch) continue;
      if (foreign) this.#accept(this.#ledger.lastTurnNo + 1, this.#ledger.mediaEpoch, args.offer);
      else if (this.#ledger.numbering(args.turnNo).kind === 'next') {
        this.#accept(args.turnNo, args.mediaEpoch, args.offer);
      }
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
      this.#ledger.acknowledgeAgain(turnNo, offer.turnId);
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

  /** Everything that follows a commit and is not waited for. */
  #afterFlush(): void {
    this.#services.backlog.set(this.id, this.#ledger.waitingBytes, this.#ledger.waiting.length);
    if (this.#writer.pending) {
      this.#services.wakeWhenBack(this.id);
      return;
    }
    this.#context = { ...this.#context, throughSeq: this.#ledger.lastSeq };
    this.#services.contexts.changed(this.id, this.#context);
    this.#offerAll();
  }

  #offerAll(): void {
    const own = this.#writer.own;
    if (!own) return;
    for (const held of this.#ledger.unarchived()) {
      if (!this.#services.turns.offer(turnDocument(this.id, own.incarnation, held))) return;
    }
  }

  async #carryOut(effect: Effect, dispatch: Dispatch): Promise<void> {
    if (effect.kind === 'finish') await this.#finish(dispatch);
    else if (effect.kind === 'restartMedia') this.#services.line.restartMedia(this.id);
    else this.#services.line.restartTranscription(this.id);
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
    await this.#flushAndFollow(dispatch);
    if (this.#writer.pending || this.#ledger.unarchivedCount > 0) {
      this.#offerAll();
      return;
    }
    const closed = await closeCall(this.id, this.#summary(), this.#mediaWorker, this.#services);
    if (!closed) return;
    this.#state = { ...this.#state, phase: 'ended' };
    this.#mediaWorker = '';
    this.#saying = undefined;
    if ((await this.#writer.writeFields(dispatch)) !== 'durable') {
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
    return {
      callConnectionId: this.id,
      incarnation: this.#incarnation(),
      correlationId: this.#origin.correlationId,
      ...(this.#origin.subjectId ? { subjectId: this.#origin.subjectId } : {}),
      turns: this.#ledger.lastSeq,
      ...(connectedAtMs ? { connectedAt: new Date(connectedAtMs).toISOString() } : {}),
      ...(disconnectedAtMs ? { disconnectedAt: new Date(disconnectedAtMs).toISOString() } : {}),
      outcome: end && end.code >= 400 && end.code !== 487 ? `failed_${end.code}` : 'completed',
    };
  }

  /** Something that had to come did not: ask ACS. */
  async #reconcile(dispatch: Dispatch): Promise<void> {
    const found = await this.#services.line.state(this.id);
    this.#services.metrics.rule('reconciled');
    if (found === 'unknown') return;
    const now = this.#services.now();
    await this.event(
      [{ kind: 'reconciled', id: `reconciled-${now}`, atMs: now, found }],
      this.#origin,
      dispatch,
    );
  }

  #adopt(entries: readonly { seq: number; payload: string }[]): void {
    for (const entry of entries) {
      const opened = openTurn(this.#services.seal, this.id, entry);
      if (!opened || this.#ledger.knows(opened.held.turn.turnId) || entry.seq <= this.#ledger.archivedThrough)
        continue;
      this.#ledger.accept({ payload: entry.payload, turn: { ...opened.held.turn, seq: 0 } });
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

  #fields(): Required<SessionFields> {
    const data: SessionData = { state: this.#state, origin: this.#origin, workerUrl: this.#workerUrl };
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
    let number = this.#archivedCursor.epoch === epoch ? this.#archivedCursor.number : 0;
    while (number < this.#ledger.lastTurnNo) {
      const seq = this.#ledger.answered(number + 1);
      if (seq === 0 || seq > this.#ledger.archivedThrough) break;
      number += 1;
    }
    this.#archivedCursor = { epoch, number };
    return number;
  }

  #checkMedia(incarnation: string, mediaEpoch: number): void {
    if (incarnation !== this.#incarnation()) throw new RtvoiceError('RTV_CALL_UNKNOWN');
    if (mediaEpoch !== this.#ledger.mediaEpoch) throw new RtvoiceError('RTV_FENCED_MEDIA');
  }

  #incarnation(): string {
    return this.#writer.own?.incarnation ?? this.#provisional?.incarnation ?? '';
  }

  #touchActivity(): void {
    this.#lastActivityMs = this.#services.now();
  }
}

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
