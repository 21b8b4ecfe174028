/**
 * What the caller hears: frames of 20 ms, paced by one clock for all calls. The pace follows the time since the first
 * frame, not the timer's ticks, so that it does not drift; a small lead rides out a late tick. What lies beyond the
 * lead can still be cut, so a cancelled reply never makes another sound once `cut` has sent StopAudio.
 */
import { bytesPerFrame, FRAME_MS, type SampleRate } from '../audio/pcm.js';
import type { MediaLine } from './ports.js';
import { formatAudio, STOP_AUDIO } from './wire/format.js';

/** Frames sent ahead of time, ms. */
export const LEAD_MS = 100;
/** Above this the socket is not keeping up: frames wait here instead of there, bytes. */
const BUFFERED_LIMIT = 256 * 1024;

/** One clock for all calls of the process. */
export class PlayoutClock {
  readonly #playouts = new Set<Playout>();
  #timer: NodeJS.Timeout | undefined;

  add(playout: Playout): void {
    this.#playouts.add(playout);
    this.#timer ??= setInterval(() => this.#tick(), FRAME_MS / 2);
  }

  remove(playout: Playout): void {
    this.#playouts.delete(playout);
    if (this.#playouts.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  get active(): number {
    return this.#playouts.size;
  }

  #tick(): void {
    const now = performance.now();
    for (const playout of this.#playouts) playout.advance(now);
  }
}

export interface Clip {
  readonly pcm: Buffer;
  /** The first frame left. */
  onStarted?(): void;
  /** The caller has heard all of it. */
  onPlayed?(): void;
}

interface Queued extends Clip {
  readonly frames: number;
  sent: number;
}

/** How much of the clips since the last silence was heard. */
export interface Cut {
  /** ms of each clip that was cut or still waited, in order: heard and length. */
  readonly clips: readonly { readonly heardMs: number; readonly lengthMs: number }[];
}

export class Playout {
  readonly #clock: PlayoutClock;
  readonly #line: MediaLine;
  readonly #frameBytes: number;
  #queue: Queued[] = [];
  /** Clips fully sent whose end the caller has not heard yet. */
  #tail: { clip: Queued; endsAtMs: number }[] = [];
  /** When the next frame is due at the caller, ms of the monotonic clock. */
  #dueMs = 0;
  #running = false;

  constructor(clock: PlayoutClock, line: MediaLine, sampleRate: SampleRate) {
    this.#clock = clock;
    this.#line = line;
    this.#frameBytes = bytesPerFrame(sampleRate);
  }

  /** Something is being heard or waits to be. */
  get playing(): boolean {
    return this.#queue.length > 0 || this.#tail.length > 0;
  }

  play(clip: Clip): void {
    this.#queue.push({ ...clip, frames: Math.ceil(clip.pcm.length / this.#frameBytes), sent: 0 });
    const now = performance.now();
    if (!this.#running) {
      this.#running = true;
      this.#clock.add(this);
    }
    if (this.#dueMs < now) this.#dueMs = now;
    this.advance(now);
  }

  /** Called by the clock: sends what is due, tells what was heard. */
  advance(now: number): void {
    while (this.#dueMs < now + LEAD_MS && this.#line.bufferedAmount < BUFFERED_LIMIT) {
      const clip = this.#queue[0];
      if (!clip) break;
      if (this.#dueMs < now - LEAD_MS) this.#dueMs = now;
      const from = clip.sent * this.#frameBytes;
      this.#line.send(formatAudio(this.#frame(clip.pcm, from)));
      clip.sent += 1;
      this.#dueMs += FRAME_MS;
      if (clip.sent === 1) clip.onStarted?.();
      if (clip.sent >= clip.frames) {
        this.#queue.shift();
        this.#tail.push({ clip, endsAtMs: this.#dueMs });
      }
    }
    while (this.#tail[0] && this.#tail[0].endsAtMs <= now) this.#tail.shift()?.clip.onPlayed?.();
    if (this.playing) return;
    this.#running = false;
    this.#clock.remove(this);
  }

  /** Stops at once: StopAudio on the wire, nothing of what waited is ever sent. */
  cut(): Cut {
    const now = performance.now();
    const heard: { heardMs: number; lengthMs: number }[] = [];
    for (const { clip, endsAtMs } of this.#tail) {
      const lengthMs = clip.frames * FRAME_MS;
      heard.push({ heardMs: Math.max(0, lengthMs - Math.max(0, endsAtMs - now)), lengthMs });
    }
    for (const clip of this.#queue) {
      const ahead = clip.sent > 0 ? Math.max(0, this.#dueMs - now) : 0;
      heard.push({ heardMs: Math.max(0, clip.sent * FRAME_MS - ahead), lengthMs: clip.frames * FRAME_MS });
    }
    if (this.playing) this.#line.send(STOP_AUDIO);
    this.close();
    return { clips: heard };
  }

  /** The last frame of a clip is filled with silence. */
  #frame(pcm: Buffer, from: number): Buffer {
    const frame = pcm.subarray(from, from + this.#frameBytes);
    return frame.length === this.#frameBytes ? frame : Buffer.concat([frame], this.#frameBytes);
  }

  close(): void {
    this.#queue = [];
    this.#tail = [];
    this.#dueMs = 0;
    this.#running = false;
    this.#clock.remove(this);
  }
}
