/**
 * A worker goes in good order, on SIGTERM or on demand: ready is false first, no new calls, live calls' audio moves one
 * by one, what was learnt is written, actors follow. Then the process may end, or stay without work.
 */
import type { Logger } from '../ops/log.js';

/** serving → moving (calls to others) → leaving (actors to others) → drained. */
export type DrainState = 'serving' | 'moving' | 'leaving' | 'drained';

export interface DrainParts {
  /** Ready is false, no new calls. */
  refuseCalls(): void;
  /** Ends what this worker does of its own accord. */
  endDuties(): Promise<void>;
  /** Other workers that beat. */
  others(): number;
  /** Calls, and transcripts of calls, that are here. */
  sockets(): number;
  /** Settles when none is here any more, or `leftMs` is over. */
  moveCalls(leftMs: () => number): Promise<void>;
  /** What ACS was asked for has been answered. */
  acsIdle(): Promise<void>;
  /** Closes what is left, hands in its turns. */
  closeMedia(): Promise<void>;
  /** Off the list of workers: nobody has to sweep. */
  resign(): Promise<void>;
  callbacksIdle(): Promise<void>;
  archive(graceMs: number): Promise<void>;
  /** Snapshots of the conversations, through the sidecar. */
  saveContexts(): Promise<void>;
  leavePlacement(patienceMs: number): Promise<boolean>;
  /** Others have them by now, and nobody tells the instances here. */
  dropActors(): void;
  readonly log: Logger;
}

/** How long an ingress may take to see that this worker is not ready any more, ms. */
const READY_NOTICE_MS = 750;
/** The sidecar probes each second, twice; then placement tells the others, ms. */
const PLACEMENT_MS = 5_000;
/** Without an end to keep, the archive may take so long at once, ms. */
const ARCHIVE_MS = 60_000;

export class Drain {
  readonly #parts: DrainParts;
  #state: DrainState = 'serving';
  #until = Number.POSITIVE_INFINITY;
  #running: Promise<void> | undefined;

  constructor(parts: DrainParts) {
    this.#parts = parts;
  }

  get state(): DrainState {
    return this.#state;
  }

  /** On demand: takes as long as it takes for the calls to find other workers. */
  start(): void {
    void this.#run();
  }

  /** Because the process ends: calls have half of `graceMs`, the archive the other half. */
  async finish(graceMs: number): Promise<void> {
    this.#until = performance.now() + graceMs;
    await this.#run(graceMs / 2);
  }

  #run(reserveMs = 0): Promise<void> {
    this.#reserveMs = reserveMs;
    this.#running ??= this.#steps().catch((thrown: unknown) => {
      this.#parts.log.error({ code: 'RTV_INTERNAL', error: String(thrown) }, 'drain broke off');
    });
    return this.#running;
  }

  /** Of the time that is left, for what comes after the calls, ms. */
  #reserveMs = 0;

  async #steps(): Promise<void> {
    const parts = this.#parts;
    this.#enter('moving');
    parts.refuseCalls();
    await parts.endDuties();
    // On demand it waits for somebody who takes the calls.
    const alone = (): boolean => parts.others() === 0 && Number.isFinite(this.#until);
    if (parts.sockets() > 0 && !alone()) {
      // The ingress sees the failed probe first, so that ACS's new sockets go elsewhere.
      await new Promise((resolve) => setTimeout(resolve, READY_NOTICE_MS));
      await parts.moveCalls(() => this.#until - this.#reserveMs - performance.now());
      await parts.acsIdle();
    }
    await parts.closeMedia();
    const followed = parts.others() > 0;
    await parts.resign();
    await parts.callbacksIdle();
    await parts.archive(Math.min(ARCHIVE_MS, Math.max(this.#reserveMs, this.#until - performance.now())));
    await parts.saveContexts();
    this.#enter('leaving');
    if (followed && (await parts.leavePlacement(PLACEMENT_MS))) parts.dropActors();
    this.#enter('drained');
  }

  #enter(state: DrainState): void {
    this.#state = state;
    this.#parts.log.info({ state }, 'drain');
  }
}
