/** Silence that parts two onsets of speech: longer than the pause between two words, frames. */
const ONSET_GAP_FRAMES = 10;

/** A stretch of the agent's speech on the caller's timeline, frames. */
export interface Segment {
  readonly start: number;
  /** The first frame after it. */
  readonly end: number;
}

/** Follows what the caller hears: when the agent begins, and when it has ended. Counts in frames of 20 ms. */
export class Ear {
  readonly #silenceFrames: number;
  #segmentStart: number | undefined;
  #lastVoice: number | undefined;
  #onset: number | undefined;

  /** @param silenceFrames silence after which the agent counts as having ended. */
  constructor(silenceFrames: number) {
    this.#silenceFrames = silenceFrames;
  }

  /** Hears one frame; returns the segment that this frame's silence completes. */
  hear(frame: number, voice: boolean): Segment | undefined {
    if (voice) {
      const fresh = this.#lastVoice === undefined || frame - this.#lastVoice > ONSET_GAP_FRAMES;
      if (fresh) this.#onset ??= frame;
      this.#segmentStart ??= frame;
      this.#lastVoice = frame;
      return undefined;
    }
    return this.silentFor(frame) >= this.#silenceFrames ? this.finish() : undefined;
  }

  /** Completes the current segment, if there is one: the call is over. */
  finish(): Segment | undefined {
    const start = this.#segmentStart;
    this.#segmentStart = undefined;
    return start === undefined || this.#lastVoice === undefined
      ? undefined
      : { start, end: this.#lastVoice + 1 };
  }

  /** From now on only a new onset counts as the agent's reply. */
  mark(): void {
    this.#onset = undefined;
  }

  /** The first onset since the mark. */
  get onset(): number | undefined {
    return this.#onset;
  }

  /** Whether the agent began since the mark and has been silent long enough. */
  ended(frame: number): boolean {
    return this.#onset !== undefined && this.silentFor(frame) >= this.#silenceFrames;
  }

  /** Frames since the last voice; infinite before the first. */
  silentFor(frame: number): number {
    return this.#lastVoice === undefined ? Number.POSITIVE_INFINITY : frame - this.#lastVoice;
  }
}
