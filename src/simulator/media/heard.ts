import { now, tenths } from '../time.js';

/** One of the media sockets that a call has had. Times are Unix ms. */
export interface HeardSocket {
  /** 1 is the call's first. */
  readonly number: number;
  readonly openedAt: number;
  closedAt?: number;
  frames: number;
  /** Frames in which one can hear something. */
  voiceFrames: number;
  firstVoiceAt?: number;
  lastVoiceAt?: number;
}

/** What a call's far end can witness of who spoke when. Times are Unix ms. */
export interface HeardReport {
  readonly sockets: readonly HeardSocket[];
  /** Stretches of the agent's voice as the caller heard them: beginning and end. */
  readonly voice: ReadonlyArray<readonly [number, number]>;
  /** Audible frames that an older socket brought after a newer one had begun to speak. */
  readonly staleFrames: number;
  /** Frames of the caller's timeline in which two sockets were heard at once. */
  readonly overlapFrames: number;
}

/** A pause that parts two stretches: longer than within a word, ms. */
const PART_MS = 150;
const MOST_STRETCHES = 5_000;
const MOST_SOCKETS = 500;

/** Keeps account of the sockets of a call and of what came through them. */
export class HeardLog {
  readonly #sockets: HeardSocket[] = [];
  readonly #voice: Array<[number, number]> = [];
  #staleFrames = 0;
  #overlapFrames = 0;
  /** Number of the newest socket that has spoken. */
  #speaker = 0;

  opened(number: number): void {
    if (this.#sockets.length < MOST_SOCKETS)
      this.#sockets.push({ number, openedAt: unixNow(), frames: 0, voiceFrames: 0 });
  }

  closed(number: number): void {
    const socket = this.#find(number);
    if (socket) socket.closedAt ??= unixNow();
  }

  /** A frame came in by a socket. */
  arrived(number: number, voice: boolean): void {
    const socket = this.#find(number);
    if (!socket) return;
    socket.frames += 1;
    if (!voice) return;
    socket.voiceFrames += 1;
    socket.lastVoiceAt = unixNow();
    socket.firstVoiceAt ??= socket.lastVoiceAt;
    if (number < this.#speaker) this.#staleFrames += 1;
    this.#speaker = Math.max(this.#speaker, number);
  }

  /** One frame was played to the caller. @param voices sockets whose frame was audible */
  played(voices: number): void {
    if (voices === 0) return;
    if (voices > 1) this.#overlapFrames += 1;
    const at = unixNow();
    const last = this.#voice.at(-1);
    if (last && at - last[1] <= PART_MS) last[1] = at;
    else if (this.#voice.length < MOST_STRETCHES) this.#voice.push([at, at]);
  }

  /** @param since only stretches that end after it, Unix ms */
  report(since = 0): HeardReport {
    return {
      sockets: this.#sockets.map((socket) => ({ ...socket })),
      voice: this.#voice.filter(([, end]) => end > since),
      staleFrames: this.#staleFrames,
      overlapFrames: this.#overlapFrames,
    };
  }

  #find(number: number): HeardSocket | undefined {
    return this.#sockets.findLast((socket) => socket.number === number);
  }
}

const unixNow = (): number => tenths(performance.timeOrigin + now());
