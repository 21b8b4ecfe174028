/** What CallInstance is given. One object a worker; src/main.ts puts it together. */

import type { Missing } from '../call/expectations.js';
import type { Seal } from '../privacy/seal.js';
import type { ControlLine } from './call-control.js';
import type { Instance } from './host.js';

import type {
  Affinity,
  CallLine,
  CallTrace,
  Closing,
  ContextStore,
  Erasures,
  Journal,
  LiveIndex,
  Reminders,
  TurnSink,
} from './ports.js';

export interface CallMetrics {
  event(kind: string): void;
  /** A turn is durable; ms of the commit. */
  committed(ms: number): void;
  /** A turn was answered `durable: false`. */
  provisional(role: string): void;
  activated(recovered: boolean): void;
  ended(): void;
  /** A rule of state did its work: fenced, diverged, restored, unreadable, renumbered, reconciled … */
  rule(what: string): void;
}

export interface CallServices {
  now(): number;
  /** Name of the worker that hosts the actors. */
  readonly worker: string;
  readonly seal: Seal;
  readonly journal: Journal;
  readonly contexts: ContextStore;
  readonly turns: TurnSink;
  readonly closing: Closing;
  readonly erasures: Pick<Erasures, 'isErased'>;
  /** Moves what the Python original kept of this session (design §3); true when there was something. */
  migrateLegacy(callId: string, createData: string): Promise<boolean>;
  readonly liveIndex: LiveIndex;
  readonly affinity: Affinity;
  readonly reminders: Reminders;
  readonly line: CallLine;
  readonly control: ControlLine;
  /** Ask ACS for the call's properties, outside of the actor's turn; the answer comes as `reconciled`. */
  askAcs(callId: string, missing: Missing): void;
  /** Look whether the worker that has the call's audio still beats; if not, `mediaLost` comes. */
  lookAfter(callId: string, workerId: string, mediaEpoch: number): void;
  readonly trace: CallTrace;
  readonly backlog: Backlog;
  readonly metrics: CallMetrics;
  /** After this long without a sign of life ACS is asked about the call, ms. */
  readonly silentAfterMs: number;
  /** Forget an instance that found itself fenced. */
  drop(instance: Instance): void;
  /** Call `settle` through Dapr, soon and once. */
  settleLater(callId: string): void;
  /** Call `settle` when Redis answers again. */
  wakeWhenBack(callId: string): void;
  newestDispatch(): number;
}

export interface BacklogLimits {
  readonly bytesPerCall: number;
  readonly turnsPerCall: number;
  readonly bytesPerWorker: number;
}

export const BACKLOG_LIMITS: BacklogLimits = {
  bytesPerCall: 1024 * 1024,
  turnsPerCall: 512,
  bytesPerWorker: 64 * 1024 * 1024,
};

/** Turns that wait for Redis on this worker, against the stated bounds. */
export class Backlog {
  readonly #limits: BacklogLimits;
  readonly #bytes = new Map<string, number>();
  #total = 0;

  constructor(limits: BacklogLimits = BACKLOG_LIMITS) {
    this.#limits = limits;
  }

  get totalBytes(): number {
    return this.#total;
  }

  get calls(): number {
    return this.#bytes.size;
  }

  /** Half full: new calls are shed first, so that live ones keep their room. */
  get shedding(): boolean {
    return this.#total > this.#limits.bytesPerWorker / 2;
  }

  /** Sets what waits for a call; false when a bound is passed (the caller takes its turn back). */
  set(callId: string, bytes: number, turns: number): boolean {
    const held = this.#bytes.get(callId) ?? 0;
    const total = this.#total - held + bytes;
    const grows = bytes > held;
    const { bytesPerCall, turnsPerCall, bytesPerWorker } = this.#limits;
    if (grows && (bytes > bytesPerCall || turns > turnsPerCall || total > bytesPerWorker)) return false;
    this.#total = total;
    if (bytes === 0) this.#bytes.delete(callId);
    else this.#bytes.set(callId, bytes);
    return true;
  }

  forget(callId: string): void {
    this.set(callId, 0, 0);
  }
}
