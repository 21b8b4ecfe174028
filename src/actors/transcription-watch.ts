/**
 * Which transcription socket a call has, and a new one where it is gone. Reports of a loss and ACS's own events come
 * late and from several sides, and every restart closes a socket and raises them again: only the loss of the socket
 * that the call has now leads to another restart.
 */
import type { TranscriptionLostArgs } from './call-messages.js';
import { MediaWatch } from './media-watch.js';

export interface TranscriptionSocketAt {
  readonly socketId: string;
  /** The worker's life that has it. */
  readonly workerId: string;
}

export interface TranscriptionWatchHooks {
  /** Ask ACS for the stream. `active`: the old socket is still open. */
  restart(stream: 'active' | 'perhaps'): void;
  /** Come back to `step`, through the actor. */
  wake(): void;
  now(): number;
}

export class TranscriptionWatch {
  readonly #restarts: MediaWatch;
  /** Undefined: none, or not known since the actor moved. */
  #at: TranscriptionSocketAt | undefined;
  #givenAway = false;

  constructor(hooks: TranscriptionWatchHooks) {
    this.#restarts = new MediaWatch({
      restart: () => {
        hooks.restart(this.#givenAway ? 'active' : 'perhaps');
        this.#givenAway = false;
      },
      wake: () => hooks.wake(),
      now: () => hooks.now(),
    });
  }

  /** A worker has the socket. */
  opened(at: TranscriptionSocketAt): void {
    this.#at = at;
    this.#restarts.settled();
  }

  /** A socket broke, is given away, or its worker died. false: the call has another one. */
  lost({ socketId, workerId, handOver }: TranscriptionLostArgs): boolean {
    const other =
      this.#at !== undefined &&
      ((socketId !== undefined && socketId !== this.#at.socketId) ||
        (workerId !== undefined && workerId !== this.#at.workerId));
    if (other) return false;
    this.#givenAway = handOver ?? false;
    this.#gone();
    return true;
  }

  /** ACS says that the stream ended. With a socket open its end is told by its worker: this may be the echo of a restart. */
  broken(): void {
    if (this.#at === undefined) this.#gone();
  }

  step(): void {
    this.#restarts.step();
  }

  stop(): void {
    this.#restarts.settled();
  }

  #gone(): void {
    this.#at = undefined;
    // Asked for already: the next try has its time.
    if (this.#restarts.lostAtMs !== undefined) return;
    this.#restarts.lost(0);
    this.#restarts.step();
  }
}
