/**
 * What the app does for its data at regular intervals, once for all workers: the TTL audit. One instance, `retention`,
 * with a recurring reminder; the work goes on after the method has answered, for a method is short (host.ts).
 */
import { AbstractActor } from '@dapr/dapr';
import type { ActorClient } from './client.js';
import type { ActorHost, Instance, Method } from './host.js';

export const RETENTION_ACTOR = 'RetentionActor';
export const RETENTION_ID = 'retention';

const REMINDER = 'audit';
/** "Within one audit period" every key has its TTL: s. */
const PERIOD_S = 300;

/** The work itself, and what becomes of its failure. */
export interface RetentionWork {
  auditTtls(signal: AbortSignal): Promise<void>;
  failed(cause: unknown): void;
}

/** Runs the work of this process: one run at a time, whatever instances come and go. */
export class RetentionRuns {
  readonly #work: RetentionWork;
  #running: { readonly abort: AbortController; readonly end: Promise<void> } | undefined;
  #ending = false;

  constructor(work: RetentionWork) {
    this.#work = work;
  }

  /** false: one is under way, or the worker is ending. */
  start(): boolean {
    if (this.#running || this.#ending) return false;
    const abort = new AbortController();
    const end = this.#work
      .auditTtls(abort.signal)
      .catch((cause: unknown) => this.#work.failed(cause))
      .finally(() => {
        this.#running = undefined;
      });
    this.#running = { abort, end };
    return true;
  }

  /** Ends the run under way and waits for its end. */
  async stop(): Promise<void> {
    this.#ending = true;
    this.#running?.abort.abort();
    await this.#running?.end;
  }
}

export class RetentionInstance implements Instance {
  readonly id: string;
  stale = false;
  readonly #runs: RetentionRuns;

  constructor(id: string, runs: RetentionRuns) {
    this.id = id;
    this.#runs = runs;
  }

  dispose(): void {
    // A run under way ends by itself: it may run twice, here and where the actor is now.
  }

  audit(): Promise<object> {
    return Promise.resolve({ ok: true, started: this.#runs.start() });
  }
}

export const retentionMethods: Readonly<Record<string, Method<RetentionInstance>>> = {
  audit: (retention) => retention.audit(),
};

let theHost: ActorHost<RetentionInstance> | undefined;

export function hostRetentionActors(host: ActorHost<RetentionInstance>): void {
  theHost = host;
}

/** Registers the reminder; each worker does so at its start, it stays one. false: try again later. */
export function startRetention(
  actors: Pick<ActorClient, 'registerReminder'>,
  periodSeconds = PERIOD_S,
): Promise<boolean> {
  return actors.registerReminder(RETENTION_ACTOR, RETENTION_ID, REMINDER, periodSeconds);
}

export class RetentionActor extends AbstractActor {
  audit = (args: unknown): Promise<object> => this.#run('audit', args);

  override async receiveReminder(_data: string): Promise<void> {
    await this.#run('audit', {});
  }

  override async onDeactivate(): Promise<void> {
    theHost?.drop(this.getActorId().getId());
  }

  #run(method: string, args: unknown): Promise<object> {
    if (!theHost) return Promise.resolve({ ok: false, code: 'RTV_INTERNAL' });
    return theHost.dispatch(this.getActorId().getId(), method, args);
  }
}
