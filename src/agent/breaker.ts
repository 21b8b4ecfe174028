/** Stands before the model service: after some failures in a row nothing is sent for a while, then one request tries. */
import { CircuitState, ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel';
import { AgentError } from './errors.js';

export interface BreakerOptions {
  /** Failures in a row that open it. Default 5. */
  readonly failures?: number;
  /** How long it stays open before one request tries, ms. Default 10,000. */
  readonly openMs?: number;
}

/** One reply under way. Exactly one of both is called, once. */
export interface Attempt {
  succeeded(): void;
  failed(error: AgentError): void;
}

/** What says nothing of the service's health: the caller's own doing, and a request that is wrong by itself. */
const INNOCENT = new Set(['RTV_AGENT_ABORTED', 'RTV_AGENT_REJECTED', 'RTV_AGENT_FILTERED']);

export class AgentBreaker {
  readonly #policy;

  constructor({ failures = 5, openMs = 10_000 }: BreakerOptions = {}) {
    this.#policy = circuitBreaker(
      handleWhen((error) => !(error instanceof AgentError && INNOCENT.has(error.code))),
      { halfOpenAfter: openMs, breaker: new ConsecutiveBreaker(failures) },
    );
  }

  get open(): boolean {
    return this.#policy.state !== CircuitState.Closed;
  }

  /** Told of every change between open and closed. */
  onChange(listener: (open: boolean) => void): void {
    this.#policy.onBreak(() => listener(true));
    this.#policy.onReset(() => listener(false));
  }

  /** @throws AgentError RTV_AGENT_BREAKER_OPEN at once, also while another request tries */
  begin(): Attempt {
    let settle: { resolve: () => void; reject: (error: AgentError) => void } | undefined;
    // Half open, the policy would let this one wait for the one that tries: a caller has no time for that.
    if (this.#policy.state !== CircuitState.HalfOpen) {
      this.#policy
        .execute(() => new Promise<void>((resolve, reject) => (settle = { resolve, reject })))
        .catch(() => undefined);
    }
    if (!settle) throw new AgentError('RTV_AGENT_BREAKER_OPEN', 'the model service failed too often');
    const { resolve, reject } = settle;
    return { succeeded: resolve, failed: reject };
  }
}
