import { now } from './time.js';

/** Milliseconds of audio in one frame. */
const FRAME_MS = 20;
/** The frame period is cut into this many phases, so that 300 calls do not all speak in one burst. */
const PHASES = 4;
const PHASE_MS = FRAME_MS / PHASES;
/** After a longer stall (a suspended machine) frames are skipped instead of being sent in one flood. */
const MAX_CATCH_UP_MS = 1000;

export type FrameListener = () => void;

/**
 * One clock for all calls: each listener is called 50 times a second. Due times are computed from the start, never
 * from the last wake-up, so that a late timer does not slow the stream: missed frames are made up for.
 */
export class FrameClock {
  readonly #phases: Array<Set<FrameListener>> = Array.from({ length: PHASES }, () => new Set());
  #startedAt = 0;
  #step = 0;
  #timer: NodeJS.Timeout | undefined;
  #skippedSteps = 0;
  #worstLagMs = 0;

  /** Calls `listener` each 20 ms until the returned function is called. */
  subscribe(listener: FrameListener): () => void {
    let emptiest = this.#phases[0];
    for (const phase of this.#phases) {
      if (emptiest === undefined || phase.size < emptiest.size) emptiest = phase;
    }
    const phase = emptiest;
    phase?.add(listener);
    this.#start();
    return () => {
      phase?.delete(listener);
      if (this.size === 0) this.stop();
    };
  }

  get size(): number {
    return this.#phases.reduce((sum, phase) => sum + phase.size, 0);
  }

  /** Frames left out after stalls of more than a second, and the worst wake-up delay (ms) since the last call. */
  takeFigures(): { skippedFrames: number; worstLagMs: number } {
    const figures = { skippedFrames: Math.ceil(this.#skippedSteps / PHASES), worstLagMs: this.#worstLagMs };
    this.#worstLagMs = 0;
    return figures;
  }

  stop(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #start(): void {
    if (this.#timer) return;
    this.#startedAt = now();
    this.#step = 0;
    this.#arm();
  }

  #arm(): void {
    const dueIn = this.#startedAt + (this.#step + 1) * PHASE_MS - now();
    this.#timer = setTimeout(() => this.#wake(), Math.max(0, dueIn));
  }

  #wake(): void {
    const elapsed = now() - this.#startedAt;
    const lag = elapsed - (this.#step + 1) * PHASE_MS;
    if (lag > this.#worstLagMs) this.#worstLagMs = lag;
    if (lag > MAX_CATCH_UP_MS) {
      const skipped = Math.floor(lag / PHASE_MS / PHASES) * PHASES;
      this.#step += skipped;
      this.#skippedSteps += skipped;
    }
    const due = Math.floor((now() - this.#startedAt) / PHASE_MS);
    while (this.#step < due) {
      const phase = this.#phases[this.#step % PHASES];
      this.#step += 1;
      if (phase) for (const listener of phase) listener();
    }
    if (this.size > 0) this.#arm();
    else this.#timer = undefined;
  }
}
