import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel';
import { AuditTrail } from './audit.js';
import type { RedisClient, RedisLink } from './connect.js';
import { Contact } from './contact.js';
import { classify, isServerCondition, mayPass, RedisFailure } from './failure.js';
import { NO_LOGGER, NO_METRICS, type Outcome, type RedisLogger, type RedisMetrics } from './metrics.js';
import { DEFAULTS, type OperationOptions, type RedisSettings } from './settings.js';

/** How one operation is carried out. */
export interface GuardedOptions extends OperationOptions {
  /** The key it is about: for the audit trail, and so that operations on one key keep their order. */
  readonly key?: string;
  /**
   * True for what may be sent twice: reads, and writes that leave the same value. A safe operation is tried
   * again, with jitter, within its deadline.
   */
  readonly safe?: boolean;
}

type Send<T> = (client: RedisClient) => Promise<T>;

/** Pauses between the tries of a safe operation (ms): double from the first up to the last. */
const FIRST_PAUSE_MS = 10;
const LAST_PAUSE_MS = 50;
/** Commands lost within this time of each other (ms) are one failure to the breaker: one connection broke. */
const BURST_MS = 100;
/** How long after the last connection was lost a safe operation still waits for the next one (ms). */
const RECONNECTION_MS = 250;
/** Least time between the breaker's opening and the probe that may close it (ms). */
const HALF_OPEN_MS = 250;

/**
 * Stands before every command: admission, deadline, retries of what is safe, breaker, audit, metrics. Only
 * probes pass an open breaker, so that no caller waits out a deadline to learn that Redis is still away.
 */
export class Guard {
  readonly audit: AuditTrail;
  readonly metrics: RedisMetrics;
  readonly logger: RedisLogger;
  readonly contact: Contact;
  readonly deadlineMs: number;
  readonly maxInFlight: number;
  #inFlight = 0;
  #peak = 0;
  #closed = false;
  #lostAt = Number.NEGATIVE_INFINITY;
  #awaySince: number | undefined = Number.NEGATIVE_INFINITY;
  readonly #breaker;

  constructor(
    private readonly link: RedisLink,
    settings: RedisSettings,
    options: { metrics?: Partial<RedisMetrics>; logger?: RedisLogger; auditCapacity?: number },
    changed: () => void,
  ) {
    this.audit = new AuditTrail(options.auditCapacity);
    this.metrics = { ...NO_METRICS, ...options.metrics };
    this.logger = options.logger ?? NO_LOGGER;
    this.deadlineMs = settings.deadlineMs ?? DEFAULTS.deadlineMs;
    this.maxInFlight = settings.maxInFlight ?? DEFAULTS.maxInFlight;
    // An idle manager hears from the server once a probe; two late ones in a row are a gap.
    this.contact = new Contact(2 * (settings.probeMs ?? DEFAULTS.probeMs) + this.deadlineMs);
    this.#breaker = circuitBreaker(
      handleWhen((error) => this.#isSilence(error)),
      {
        halfOpenAfter: HALF_OPEN_MS,
        breaker: new ConsecutiveBreaker(settings.breakerThreshold ?? DEFAULTS.breakerThreshold),
      },
    );
    this.#breaker.onStateChange(changed);
  }

  /** To be called when a connection came or went. */
  linkChanged(): void {
    this.#awaySince = this.link.ready() ? undefined : (this.#awaySince ?? performance.now());
  }

  /** True while operations are sent. */
  get open(): boolean {
    return !this.#closed && this.#breaker.state === CircuitState.Closed && this.link.ready();
  }

  /** Operations in flight over their bound, 0 to 1. */
  get utilisation(): number {
    return this.#inFlight / this.maxInFlight;
  }

  /** Highest utilisation since it was asked for the last time. */
  takePeak(): number {
    const peak = this.#peak / this.maxInFlight;
    this.#peak = this.#inFlight;
    return peak;
  }

  /** Sends an operation through a client for its key. Throws RedisFailure, or what `send` itself throws. */
  run<T>(operation: string, send: Send<T>, options: GuardedOptions = {}): Promise<T> {
    return this.#recorded(operation, options, () => this.#tried(operation, send, options));
  }

  /** Like `run`, past the breaker, and closes it when an answer comes. */
  async probe(send: Send<unknown>): Promise<void> {
    const attempt = () => this.#attempt('ping', send, undefined, this.deadlineMs);
    await this.#recorded('ping', {}, () => this.#breaker.execute(attempt));
  }

  /** No operation passes from here on. */
  close(): void {
    this.#closed = true;
  }

  /** True once nothing is in flight. */
  get idle(): boolean {
    return this.#inFlight === 0;
  }

  async #recorded<T>(operation: string, options: GuardedOptions, work: () => Promise<T>): Promise<T> {
    const started = performance.now();
    const record = (outcome: Outcome): void => {
      const ms = performance.now() - started;
      this.metrics.operation(operation, ms, outcome);
      const entry = this.audit.record(operation, options.key, outcome, ms, options.correlationId);
      this.logger.debug(entry, 'redis');
    };
    try {
      const result = await work();
      this.contact.made();
      record('ok');
      return result;
    } catch (error) {
      const failure = classify(error, operation);
      // Not Redis's error: the caller's own function failed, perhaps after sending.
      record(failure?.kind ?? 'unknown');
      if (failure !== undefined && breaksContact(failure)) this.contact.broken();
      // A caller that tries again without a pause must not keep the sockets from being read.
      if (failure?.kind === 'unavailable') await new Promise((resolve) => setImmediate(resolve));
      throw failure ?? error;
    }
  }

  async #tried<T>(operation: string, send: Send<T>, options: GuardedOptions): Promise<T> {
    const deadline = performance.now() + (options.deadlineMs ?? this.deadlineMs);
    for (let tries = 1; ; tries += 1) {
      try {
        const left = deadline - performance.now();
        return await this.#admitted(operation, () => this.#attempt(operation, send, options.key, left));
      } catch (error) {
        const failure = classify(error, operation);
        if (failure === undefined || !options.safe || !mayPass(failure) || this.#isAway()) throw error;
        const full = Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (tries - 1));
        const pause = full * (0.5 + Math.random() / 2);
        if (performance.now() + pause >= deadline) throw failure;
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    }
  }

  async #admitted<T>(operation: string, attempt: () => Promise<T>): Promise<T> {
    if (this.#closed) {
      throw new RedisFailure('unavailable', 'RTV_REDIS_CLOSED', operation, 'the manager is closed');
    }
    if (this.#breaker.state !== CircuitState.Closed) {
      throw new RedisFailure('unavailable', 'RTV_REDIS_BREAKER_OPEN', operation, 'Redis is not answering');
    }
    if (this.#inFlight >= this.maxInFlight) {
      throw new RedisFailure('unavailable', 'RTV_REDIS_POOL_EXHAUSTED', operation, 'too much in flight');
    }
    return await this.#breaker.execute(attempt);
  }

  /** Without connections for longer than a reconnection takes: waiting for one would only be a delay. */
  #isAway(): boolean {
    return this.#awaySince !== undefined && performance.now() - this.#awaySince > RECONNECTION_MS;
  }

  /** What the breaker counts. Being unconnected is not: the connections themselves know when that ends. */
  #isSilence(error: unknown): boolean {
    if (!(error instanceof RedisFailure)) return false;
    if (error.code === 'RTV_REDIS_DEADLINE') return true;
    if (error.code !== 'RTV_REDIS_CONNECTION_LOST') return false;
    const now = performance.now();
    const first = now - this.#lostAt > BURST_MS;
    this.#lostAt = now;
    return first;
  }

  async #attempt<T>(operation: string, send: Send<T>, key: string | undefined, ms: number): Promise<T> {
    const client = this.link.pick(key);
    if (client === undefined) {
      throw new RedisFailure('unavailable', 'RTV_REDIS_NOT_CONNECTED', operation, 'not connected');
    }
    this.#inFlight += 1;
    this.#peak = Math.max(this.#peak, this.#inFlight);
    try {
      return await withDeadline(operation, ms, send(client));
    } catch (error) {
      throw classify(error, operation) ?? error;
    } finally {
      this.#inFlight -= 1;
    }
  }
}

/** Settles with the reply or, after `ms`, with an unknown outcome. A later reply is dropped. */
function withDeadline<T>(operation: string, ms: number, reply: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let settled = false;
    const expire = (): void => {
      if (settled) return;
      reject(new RedisFailure('unknown', 'RTV_REDIS_DEADLINE', operation, 'no answer in time'));
    };
    // Timers run before sockets are read: after a stall of this process the reply may be waiting there, so
    // one pass over the sockets is granted before the answer is called missing.
    const timer = setTimeout(() => setImmediate(() => setImmediate(expire)), Math.max(1, ms));
    const done = (): void => {
      settled = true;
      clearTimeout(timer);
    };
    reply.then(
      (value) => {
        done();
        resolve(value);
      },
      (error: unknown) => {
        done();
        reject(error);
      },
    );
  });
}

/** A full pool and an open breaker say nothing new about the server. */
function breaksContact(failure: RedisFailure): boolean {
  if (failure.kind === 'refused') return isServerCondition(failure);
  return failure.code !== 'RTV_REDIS_POOL_EXHAUSTED' && failure.code !== 'RTV_REDIS_CLOSED';
}
