/**
 * Where each frame of a caller's audio stands in time. Frames follow one another without a gap unless their timestamps
 * say otherwise for long enough: a timestamp that is late by itself is jitter, and frames that come in a bundle after a
 * stall bring the time back. Pure.
 */
import { FRAME_MS } from '../audio/pcm.js';

/** A gap is believed once so many frames agree on it. */
const WITNESSES = 8;
/** They agree when they are no further apart than this, ms. */
const JITTER_MS = 40;
/** What they are late by at least, with room for timestamps that are cut to whole frames, ms. */
const LEAST_GAP_MS = 15;
/** Two clocks drift apart by a millisecond a second at most; so much a frame is no gap, ms. */
const DRIFT_MS = 0.02;

export class FrameTimeline {
  /** Frames that never came. */
  missing = 0;
  /** Stream time of the next frame, ms. */
  #nextMs = 0;
  /** Timestamp of stream time 0, as far as it is known. */
  #originMs: number | undefined;
  /** How late the last frames' timestamps were. */
  readonly #lags = new Float64Array(WITNESSES);
  #seen = 0;

  /**
   * @param timestampMs of the frame, any clock; undefined: frames are only counted
   * @returns stream time of its first sample, ms; what lies between it and the end of the last frame is missing
   */
  place(timestampMs: number | undefined): number {
    if (timestampMs !== undefined) this.#compare(timestampMs);
    const atMs = this.#nextMs;
    this.#nextMs += FRAME_MS;
    return atMs;
  }

  #compare(timestampMs: number): void {
    this.#originMs ??= timestampMs - this.#nextMs;
    this.#lags[this.#seen % WITNESSES] = timestampMs - this.#originMs - this.#nextMs;
    this.#seen += 1;
    if (this.#seen < WITNESSES) return;
    let least = Number.POSITIVE_INFINITY;
    let most = Number.NEGATIVE_INFINITY;
    for (const lag of this.#lags) {
      least = Math.min(least, lag);
      most = Math.max(most, lag);
    }
    if (least >= LEAST_GAP_MS && most - least <= JITTER_MS) {
      const frames = Math.max(1, Math.round(least / FRAME_MS));
      this.missing += frames;
      this.#nextMs += frames * FRAME_MS;
      this.#seen = 0;
    } else if (most < 0) {
      // More frames than time: the clock was set back, or counts otherwise. The frames are believed.
      this.#originMs += most;
      this.#seen = 0;
    } else if (least > 0) {
      this.#originMs += DRIFT_MS;
    }
  }
}
