/**
 * Call control of one call, in the memory of its owner. An operation is entered in the ledger (and in Redis) before its
 * request leaves, so that its event finds it whenever it comes; requests leave in order, outside of the actor's turn;
 * each operation has a deadline and exactly one outcome (src/acs/operations.ts has the rules).
 */
import type { ControlRequest } from '../acs/control-requests.js';
import {
  advance,
  emptyLedger,
  type LedgerInput,
  MAX_OPEN,
  nextDeadline,
  type OperationLedger,
  type Outcome,
  type RequestAnswer,
  type StartOperation,
  startOperation,
} from '../acs/operations.js';
import { RtvoiceError } from '../errors.js';
import type {
  ControlArgs,
  ControlStarted,
  EventSignal,
  OperationView,
  StartedBy,
} from './control-messages.js';
import type { CallLine } from './ports.js';

/** An operation that was asked for, without its arguments. */
export interface AskedOperation {
  /** Who asked; the worker itself when absent. */
  readonly by?: string | undefined;
  readonly callId: string;
  readonly correlationId: string;
  readonly id: string;
  readonly kind: string;
}

export interface ControlLine {
  /** Sends a request to ACS; never rejects. */
  send(callId: string, request: ControlRequest, id: string, correlationId: string): Promise<RequestAnswer>;
  /** Brings an answer to wherever the call's actor lives by then. */
  answered(callId: string, id: string, answer: RequestAnswer): Promise<void>;
  /** Somebody asked for an operation: for the audit log. */
  asked(operation: AskedOperation): void;
  /** An operation has its outcome: for the metric and the audit log. */
  settled(callId: string, correlationId: string, outcome: Outcome): void;
  /** Tells the call's media worker that the call was put on hold, or taken back. Not waited for. */
  held(callId: string, workerUrl: string, on: boolean): void;
}

export interface ControlHooks {
  readonly line: ControlLine;
  now(): number;
  /** Come back to `tick`, through the actor. */
  wake(): void;
  correlationId(): string;
  /** Address of the call's media worker, '' where it has none. */
  workerUrl(): string;
}

/** Outcomes kept in the session: a repeated idempotency key is answered from them. */
const KEPT_OUTCOMES = 32;

/** Operations of which the last word stands. */
const STREAMS: Readonly<Record<'media' | 'transcription' | 'hold', ReadonlySet<string>>> = {
  media: new Set(['startMediaStreaming', 'stopMediaStreaming']),
  transcription: new Set(['startTranscription', 'stopTranscription', 'updateTranscription']),
  hold: new Set(['hold', 'unhold']),
};

/** The newest outcomes, and the last word on each stream and on hold. */
function kept(settled: readonly Outcome[]): readonly Outcome[] {
  if (settled.length <= KEPT_OUTCOMES) return settled;
  const newest = settled.slice(-KEPT_OUTCOMES);
  const words = Object.values(STREAMS).flatMap((kinds) => {
    const last = settled.findLast(({ kind, status }) => kinds.has(kind) && status !== 'failed');
    return last && !newest.includes(last) ? [last] : [];
  });
  return [...words, ...newest];
}

type Streams = Pick<CallLine, 'restartMedia' | 'restartTranscription'>;

export class CallControl {
  readonly #callId: string;
  readonly #hooks: ControlHooks;
  #ledger: OperationLedger = emptyLedger;
  /** Requests leave one after the other. */
  #sending: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  /** What the media worker knows. */
  #toldHeld = false;

  constructor(callId: string, hooks: ControlHooks) {
    this.#callId = callId;
    this.#hooks = hooks;
  }

  /** What of it belongs into the session. */
  get kept(): { readonly operations?: OperationLedger } {
    const { open, settled } = this.#ledger;
    return open.length + settled.length > 0 ? { operations: this.#ledger } : {};
  }

  /** Takes over what the session holds. */
  restore(ledger: OperationLedger | undefined): void {
    // What memory knows is newer.
    if (!ledger || this.kept.operations) return;
    this.#ledger = ledger;
    this.#toldHeld = this.held;
    this.#arm();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Enters an operation. @throws RTV_OPERATIONS_FULL, and RTV_CALL_ENDED for a new one on a call that is over */
  enter(args: ControlArgs, over: boolean): ControlStarted {
    const known = this.#known(args);
    if (known) return { operation: known, repeated: true };
    if (over) throw new RtvoiceError('RTV_CALL_ENDED');
    const { request, id, by } = args;
    const recordingId = 'recordingId' in request.args ? request.args.recordingId : undefined;
    const started = this.#start({
      id,
      kind: request.kind,
      nowMs: this.#hooks.now(),
      ...(args.idempotencyKey ? { idempotencyKey: args.idempotencyKey } : {}),
      ...(recordingId ? { recordingId } : {}),
      ...(args.deadlineMs ? { deadlineMs: args.deadlineMs } : {}),
    });
    const correlationId = this.#hooks.correlationId();
    this.#hooks.line.asked({ by, callId: this.#callId, correlationId, id, kind: request.kind });
    return started;
  }

  /** The operation that made the call; ACS took its request already, and its event may have come (`fate`). */
  born(by: StartedBy, fate: 'open' | 'connected' | 'failed'): boolean {
    if (this.#known(by)) return false;
    this.#start({
      id: by.id,
      kind: by.kind,
      nowMs: this.#hooks.now(),
      ...(by.idempotencyKey ? { idempotencyKey: by.idempotencyKey } : {}),
      ...(by.deadlineMs ? { deadlineMs: by.deadlineMs } : {}),
    });
    this.#take({ kind: 'answer', id: by.id, answer: { ok: true } });
    if (fate === 'connected') this.#take({ kind: 'fact', fact: { type: 'CallConnected' } });
    if (fate === 'failed') this.#take({ kind: 'fact', fact: { type: 'ConnectFailed' } });
    return true;
  }

  /** Sends a request that was entered. Not waited for: the answer comes back through the actor. */
  send({ request, id }: ControlArgs): void {
    const { line } = this.#hooks;
    const work = async (): Promise<void> => {
      const answer = await line.send(this.#callId, request, id, this.#hooks.correlationId());
      await line.answered(this.#callId, id, answer);
    };
    // A call that is to end does not wait for what else was asked of it.
    if (request.kind === 'hangUp') void work().catch(() => undefined);
    else this.#sending = this.#sending.then(work).catch(() => undefined);
  }

  /** ACS answered a request. Whether anything changed. */
  answered(id: string, answer: RequestAnswer): boolean {
    return this.#take({ kind: 'answer', id, answer });
  }

  /** Events came. Whether anything changed. */
  observe(signals: readonly EventSignal[]): boolean {
    return signals.map((fact) => this.#take({ kind: 'fact', fact })).includes(true);
  }

  /** Time passed. Whether anything changed. */
  tick(): boolean {
    const changed = this.#take({ kind: 'clock' });
    this.#arm();
    return changed;
  }

  /**
   * Whether a stream should be there: not after somebody had it stopped. What broke is started again, what was
   * stopped is not.
   */
  wants(stream: 'media' | 'transcription'): boolean {
    const kinds = STREAMS[stream];
    const last = this.list()
      .filter((one) => kinds.has(one.kind) && !(one.state === 'settled' && one.status === 'failed'))
      .at(-1);
    return last === undefined || !last.kind.startsWith('stop');
  }

  /**
   * Whether the call is on hold: from the moment that it is asked for, until ACS has taken the end of it. The last word
   * counts, whichever participant it is about.
   */
  get held(): boolean {
    const last = this.list().findLast(
      (one) =>
        STREAMS.hold.has(one.kind) && (one.state === 'open' ? one.kind === 'hold' : one.status !== 'failed'),
    );
    return last?.kind === 'hold';
  }

  /** The line's ways to start streams again, for streams that should be there. */
  guard(line: Streams): Streams {
    return {
      restartMedia: (callId, stream) => {
        if (this.wants('media')) line.restartMedia(callId, stream);
      },
      restartTranscription: (callId, stream) => {
        if (this.wants('transcription')) line.restartTranscription(callId, stream);
      },
    };
  }

  /** All that is known, oldest first. */
  list(): OperationView[] {
    return [
      ...this.#ledger.settled.map((outcome) => ({ state: 'settled' as const, ...outcome })),
      ...this.#ledger.open.map((operation) => ({ state: 'open' as const, ...operation })),
    ].sort((a, b) => a.startedAtMs - b.startedAtMs);
  }

  find(id: string): OperationView | undefined {
    return this.list().find((one) => one.id === id);
  }

  #known({ id, idempotencyKey }: { id: string; idempotencyKey?: string }): OperationView | undefined {
    return this.list().find(
      (one) => one.id === id || (idempotencyKey !== undefined && one.idempotencyKey === idempotencyKey),
    );
  }

  #start(start: StartOperation): ControlStarted {
    const started = startOperation(this.#ledger, start);
    if (!started.ok) throw new RtvoiceError('RTV_OPERATIONS_FULL', `${MAX_OPEN} operations are under way`);
    this.#ledger = started.ledger;
    this.#arm();
    this.#tellHeld();
    return { operation: { state: 'open', ...started.operation }, repeated: false };
  }

  #take(input: LedgerInput): boolean {
    const before = this.#ledger;
    const { ledger, outcomes } = advance(before, input, this.#hooks.now());
    const { line, correlationId } = this.#hooks;
    for (const outcome of outcomes) line.settled(this.#callId, correlationId(), outcome);
    this.#ledger = { open: ledger.open, settled: kept(ledger.settled) };
    this.#tellHeld();
    if (ledger === before || (ledger.open.length === 0 && before.open.length === 0)) return false;
    this.#arm();
    return true;
  }

  #tellHeld(): void {
    const { held } = this;
    if (held === this.#toldHeld) return;
    this.#toldHeld = held;
    this.#hooks.line.held(this.#callId, this.#hooks.workerUrl(), held);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const next = nextDeadline(this.#ledger);
    if (next === undefined) return;
    const ms = Math.min(2 ** 31 - 1, Math.max(10, next - this.#hooks.now() + 5));
    this.#timer = setTimeout(() => this.#hooks.wake(), ms).unref();
  }
}
