/**
 * Whether this worker takes a new call. Live calls come first: a worker at its limit of calls, event-loop delay or
 * memory, or one that is draining, answers Event Grid 503, so that the event comes again (10 s later, through the
 * ingress, to any worker). A caller cannot be left ringing for ever: a call that nobody had room for in its first
 * seconds is rejected as busy (answering.ts).
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Metrics } from '../ops/metrics.js';

export type RefusalReason = 'draining' | 'calls' | 'event_loop' | 'heap' | 'backlog';

export interface AdmissionLimits {
  readonly calls: number;
  /** p99 over the last seconds, ms. */
  readonly eventLoopDelayMs: number;
  readonly heapMb: number;
}

export interface AdmissionParts {
  readonly limits: AdmissionLimits;
  /** Calls whose audio is here. */
  readonly live: { readonly size: number; get(callId: string): unknown };
  /** Turns wait for Redis up to half of their bound. */
  shedding(): boolean;
  readonly metrics: Pick<Metrics, 'eventLoopDelay' | 'admissionRefusals'>;
  /** The event loop's delay is judged over this long, ms. */
  readonly windowMs?: number;
}

/** Long enough that a single pause is no overload. */
const WINDOW_MS = 5_000;
/** An answered call counts here until its socket had time to arrive, at this worker or at another, ms. */
const ARRIVAL_MS = 3_000;

export class Admission {
  readonly #parts: AdmissionParts;
  readonly #delay = monitorEventLoopDelay({ resolution: 10 });
  readonly #timer: NodeJS.Timeout;
  readonly #arriving = new Map<string, number>();
  #answering = 0;
  #delayMs = 0;
  #draining = false;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
    this.#delay.enable();
    this.#timer = setInterval(() => this.#measure(), parts.windowMs ?? WINDOW_MS).unref();
    parts.metrics.eventLoopDelay.addCallback((result) => result.observe(this.#delayMs));
  }

  /** Why no new call is taken now; counted. */
  refusal(): RefusalReason | undefined {
    const reason = this.state();
    if (reason) this.#parts.metrics.admissionRefusals.add(1, { reason });
    return reason;
  }

  /** The same without counting, for health. */
  state(): RefusalReason | undefined {
    const { limits, live, shedding } = this.#parts;
    if (this.#draining) return 'draining';
    if (live.size + this.#arrivingNow() + this.#answering >= limits.calls) return 'calls';
    if (this.#delayMs > limits.eventLoopDelayMs) return 'event_loop';
    if (process.memoryUsage().heapUsed > limits.heapMb * 1024 * 1024) return 'heap';
    return shedding() ? 'backlog' : undefined;
  }

  /**
   * A call is about to be answered, or made: it has its place from here on, so that many at once do not all find the
   * same room. @returns gives the place back; more than once is once
   */
  answering(): () => void {
    this.#answering += 1;
    let left = false;
    return () => {
      if (!left) this.#answering -= 1;
      left = true;
    };
  }

  /** A call was answered: its socket is on the way. */
  answered(callId: string): void {
    this.#arriving.set(callId, performance.now() + ARRIVAL_MS);
  }

  drain(): void {
    this.#draining = true;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#delay.disable();
  }

  #arrivingNow(): number {
    const now = performance.now();
    for (const [callId, untilMs] of this.#arriving) {
      if (untilMs <= now || this.#parts.live.get(callId)) this.#arriving.delete(callId);
    }
    return this.#arriving.size;
  }

  #measure(): void {
    // Nanoseconds; the resolution is part of each sample.
    this.#delayMs = Math.max(0, this.#delay.percentile(99) / 1e6 - 10);
    this.#delay.reset();
  }
}
