/** Frames that must wait before playing begins: absorbs the sender's jitter, as a phone does. */
const JITTER_FRAMES = 3;
/** Longest backlog: an application may send a whole sentence at once. */
const MAX_BACKLOG_FRAMES = 50 * 120;
/** Audio that comes back within this time after the buffer ran dry counts as a gap that the caller hears, frames. */
const GAP_FRAMES = 15;

/** Figures of one playout, in frames of 20 ms. */
export interface PlayoutFigures {
  readonly played: number;
  /** Frames thrown away by stopAudio. */
  readonly discarded: number;
  /** Frames beyond the backlog's bound. */
  readonly overflowed: number;
  /** Times the buffer ran dry in the middle of speech. */
  readonly gaps: number;
  readonly gapFrames: number;
}

/**
 * What plays the application's audio to the caller: one frame each 20 ms out of a jitter buffer that takes messages of
 * any length and is emptied by stopAudio.
 */
export class Playout {
  readonly #frameBytes: number;
  #chunks: Buffer[] = [];
  #head = 0;
  #bytes = 0;
  #playing = false;
  #waited = 0;
  #dryFor = Number.POSITIVE_INFINITY;
  #played = 0;
  #discarded = 0;
  #overflowed = 0;
  #gaps = 0;
  #gapFrames = 0;

  /** @param frameBytes bytes of 20 ms of PCM16 mono. */
  constructor(frameBytes: number) {
    this.#frameBytes = frameBytes;
  }

  push(pcm: Buffer): void {
    if (pcm.length === 0) return;
    if (this.#bytes + pcm.length > MAX_BACKLOG_FRAMES * this.#frameBytes) {
      this.#overflowed += Math.ceil(pcm.length / this.#frameBytes);
      return;
    }
    this.#chunks.push(pcm);
    this.#bytes += pcm.length;
  }

  /** stopAudio: forgets all that was not played yet. Returns the number of frames. */
  clear(): number {
    const frames = Math.ceil(this.#bytes / this.#frameBytes);
    this.#discarded += frames;
    this.#chunks = [];
    this.#head = 0;
    this.#bytes = 0;
    this.#playing = false;
    this.#waited = 0;
    this.#dryFor = Number.POSITIVE_INFINITY;
    return frames;
  }

  /** The next frame to be heard, or undefined while there is none; call it each 20 ms. */
  next(): Buffer | undefined {
    if (this.#bytes === 0) {
      if (this.#playing) this.#dryFor = 0;
      this.#playing = false;
      this.#waited = 0;
      this.#dryFor += 1;
      return undefined;
    }
    if (!this.#playing) {
      this.#waited += 1;
      if (this.#bytes < JITTER_FRAMES * this.#frameBytes && this.#waited <= JITTER_FRAMES) {
        this.#dryFor += 1;
        return undefined;
      }
      this.#playing = true;
      if (this.#dryFor <= GAP_FRAMES) {
        this.#gaps += 1;
        this.#gapFrames += this.#dryFor;
      }
    }
    this.#played += 1;
    return this.#take();
  }

  get figures(): PlayoutFigures {
    return {
      played: this.#played,
      discarded: this.#discarded,
      overflowed: this.#overflowed,
      gaps: this.#gaps,
      gapFrames: this.#gapFrames,
    };
  }

  /** One frame; the end of an utterance that does not fill its frame is padded with silence. */
  #take(): Buffer {
    const first = this.#chunks[0];
    const size = this.#frameBytes;
    if (first !== undefined && first.length - this.#head >= size) {
      const frame = first.subarray(this.#head, this.#head + size);
      this.#advance(size);
      return frame;
    }
    const frame = Buffer.alloc(size);
    let filled = 0;
    while (filled < size && this.#bytes > 0) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) break;
      const part = Math.min(size - filled, chunk.length - this.#head);
      chunk.copy(frame, filled, this.#head, this.#head + part);
      filled += part;
      this.#advance(part);
    }
    return frame;
  }

  #advance(bytes: number): void {
    this.#head += bytes;
    this.#bytes -= bytes;
    const first = this.#chunks[0];
    if (first !== undefined && this.#head >= first.length) {
      this.#chunks.shift();
      this.#head = 0;
    }
  }
}

/** Peak of a sample above which a frame counts as voice (of 32768). */
const VOICE_PEAK = 250;

/** Whether a frame of PCM16 holds sound; looks at each second sample. */
export function isVoice(frame: Buffer): boolean {
  for (let at = 0; at + 1 < frame.length; at += 4) {
    const sample = frame.readInt16LE(at);
    if (sample > VOICE_PEAK || sample < -VOICE_PEAK) return true;
  }
  return false;
}
