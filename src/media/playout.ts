/**
 * What the caller hears: frames of 20 ms, paced by one clock for all calls. The pace follows the time since the first
 * frame, not the timer's ticks, so that it does not drift; a small lead rides out a late tick. What lies beyond the
 * lead can still be cut, so a cancelled reply never makes another sound once `cut` has sent StopAudio.
 */
import { bytesPerFrame, FRAME_MS, type SampleRate } from '../audio/pcm.js';
import { inTask } from '../ops/tasks.js';
import { fadeIn, fadeOut } from './fade.js';
import type { MediaLine } from './ports.js';
import { formatAudio, STOP_AUDIO } from './wire/format.js';

/** Frames sent ahead of time, ms. */
export const LEAD_MS = 100;
/**
 * How often the clock looks what is due, ms. A frame is late by one of these at most and the next by none, so that the
 * gap between two is longer than a frame by as much; and the frames of many calls are spread over four of them.
 */
const TICK_MS = 5;
/** Above this the socket is not keeping up: frames wait here instead of there, bytes. */
const BUFFERED_LIMIT = 256 * 1024;

/** One clock for all calls of the process. */
export class PlayoutClock {
  readonly #playouts = new Set<Playout>();
  /** Frames of all calls so far. */
  sent = 0;
  readonly #maySpeak: () => boolean;
  #timer: NodeJS.Timeout | undefined;

  /** @param maySpeak the lease under which this worker's voices speak (design §4 rule 8) */
  constructor(maySpeak: () => boolean = () => true) {
    this.#maySpeak = maySpeak;
  }

  get maySpeak(): boolean {
    return this.#maySpeak();
  }

  add(playout: Playout): void {
    this.#playouts.add(playout);
    this.#timer ??= setInterval(() => inTask('media.playout', () => this.#tick()), TICK_MS);
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
  /** As it was given. */
  readonly source: Clip;
  readonly frames: number;
  sent: number;
  /** The next frame begins in the middle of a sound. */
  faded: boolean;
}

interface HeardClip {
  readonly clip: Clip;
  readonly heardMs: number;
  readonly lengthMs: number;
}

/** How much of the clips that were not heard to their end was heard, ms, in order. */
export interface Cut {
  readonly clips: readonly HeardClip[];
}

/** Why nothing is played for now: the caller may be speaking, or the call is on hold. */
export type Halt = 'voice' | 'hold';

export class Playout {
  readonly #clock: PlayoutClock;
  readonly #line: MediaLine;
  readonly #sampleRate: SampleRate;
  readonly #frameBytes: number;
  #queue: Queued[] = [];
  /** Clips fully sent whose end the caller has not heard yet. */
  #tail: { clip: Queued; endsAtMs: number }[] = [];
  /** When the next frame is due at the caller, ms of the monotonic clock. */
  #dueMs = 0;
  #running = false;
  readonly #halts = new Set<Halt>();

  constructor(clock: PlayoutClock, line: MediaLine, sampleRate: SampleRate) {
    this.#clock = clock;
    this.#line = line;
    this.#sampleRate = sampleRate;
    this.#frameBytes = bytesPerFrame(sampleRate);
  }

  /** Something is being heard or waits to be. */
  get playing(): boolean {
    return this.#queue.length > 0 || this.#tail.length > 0;
  }

  get paused(): boolean {
    return this.#halts.size > 0;
  }

  play(clip: Clip): void {
    this.#queue.push({
      ...clip,
      source: clip,
      frames: Math.ceil(clip.pcm.length / this.#frameBytes),
      sent: 0,
      faded: false,
    });
    if (!this.paused) this.#run();
  }

  /** Called by the clock: sends what is due, tells what was heard. */
  advance(now: number): void {
    const limit = this.#clock.maySpeak ? BUFFERED_LIMIT : 0;
    while (this.#dueMs < now + LEAD_MS && this.#line.bufferedAmount < limit) {
      const clip = this.#queue[0];
      if (!clip) break;
      if (this.#dueMs < now - LEAD_MS) this.#dueMs = now;
      if (this.#line.send(formatAudio(this.#frame(clip)))) this.#clock.sent += 1;
      clip.sent += 1;
      this.#dueMs += FRAME_MS;
      if (clip.sent === 1) clip.onStarted?.();
      if (clip.sent >= clip.frames) {
        this.#queue.shift();
        this.#tail.push({ clip, endsAtMs: this.#dueMs });
      }
    }
    while (this.#tail[0] && this.#tail[0].endsAtMs <= now) this.#tail.shift()?.clip.onPlayed?.();
    if (!this.playing) this.#rest();
  }

  /** Silence at once, from where it can go on. Not one frame leaves until `resume`, nor of what begins meanwhile. */
  pause(why: Halt = 'voice'): void {
    if (this.paused || !this.playing) {
      this.#halts.add(why);
      return;
    }
    const open = [...this.#tail.map(({ clip }) => clip), ...this.#queue];
    const heard = this.#heard(performance.now());
    this.#halts.add(why);
    this.#line.send(STOP_AUDIO);
    open.forEach((clip, index) => {
      clip.sent = Math.min(clip.frames - 1, Math.floor((heard[index]?.heardMs ?? 0) / FRAME_MS));
      clip.faded = clip.sent > 0;
    });
    this.#queue = open;
    this.#tail = [];
    this.#rest();
  }

  /** Goes on where the caller last heard something, unless there is another reason for silence. */
  resume(why: Halt = 'voice'): void {
    if (!this.#halts.delete(why) || this.paused) return;
    this.#dueMs = 0;
    if (this.playing) this.#run();
  }

  /** Nothing that has not begun yet will be played. */
  dropWaiting(): void {
    this.#queue = this.#queue.filter(({ sent }) => sent > 0);
  }

  /** Stops at once: StopAudio on the wire, nothing of what waited is ever sent. */
  cut(): Cut {
    const clips = this.#heard(performance.now());
    if (this.playing && !this.paused) this.#line.send(STOP_AUDIO);
    this.close();
    return { clips };
  }

  close(): void {
    this.#queue = [];
    this.#tail = [];
    this.#dueMs = 0;
    this.#halts.delete('voice');
    this.#rest();
  }

  #run(): void {
    const now = performance.now();
    if (!this.#running) {
      this.#running = true;
      this.#clock.add(this);
    }
    if (this.#dueMs < now) this.#dueMs = now;
    this.advance(now);
  }

  #rest(): void {
    this.#running = false;
    this.#clock.remove(this);
  }

  /** What the caller has heard by now of each clip that is not done. */
  #heard(now: number): HeardClip[] {
    const ahead = this.paused ? 0 : Math.max(0, this.#dueMs - now);
    const tail = this.#tail.map(({ clip, endsAtMs }) => {
      const lengthMs = clip.frames * FRAME_MS;
      return { clip: clip.source, heardMs: clamp(lengthMs - (endsAtMs - now), lengthMs), lengthMs };
    });
    const queue = this.#queue.map((clip) => {
      const lengthMs = clip.frames * FRAME_MS;
      const heardMs = clamp(clip.sent * FRAME_MS - (clip.sent > 0 ? ahead : 0), lengthMs);
      return { clip: clip.source, heardMs, lengthMs };
    });
    return [...tail, ...queue];
  }

  /**
   * The last frame of a clip falls to silence, with which it is filled; the first after a pause rises from it. What is
   * cut is dropped by ACS out of its own buffer: its edge is not ours to shape.
   */
  #frame(clip: Queued): Buffer {
    const from = clip.sent * this.#frameBytes;
    const piece = clip.pcm.subarray(from, from + this.#frameBytes);
    const last = clip.sent + 1 >= clip.frames;
    const fallen = last ? fadeOut(piece, this.#sampleRate) : piece;
    const frame = fallen.length === this.#frameBytes ? fallen : Buffer.concat([fallen], this.#frameBytes);
    if (!clip.faded) return frame;
    clip.faded = false;
    return fadeIn(frame, this.#sampleRate);
  }
}

const clamp = (ms: number, lengthMs: number): number => Math.min(lengthMs, Math.max(0, ms));
