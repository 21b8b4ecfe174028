/**
 * Final words reach the call's media worker, wherever ACS opened the transcription socket. In order; a worker that is
 * gone is looked up again at the actor, until the call's audio is somewhere or the words are too old to matter.
 */
import type { Located } from '../actors/call-messages.js';
import type { Answer } from '../actors/ports.js';
import type { Heard } from './session-services.js';

export interface RelayServices {
  /** Local delivery first. */
  deliver(callId: string, heard: Heard): boolean;
  locate(callId: string): Promise<Answer<Located>>;
  /** POST to another worker; true when it took the words. */
  forward(workerUrl: string, callId: string, heard: Heard): Promise<boolean>;
  lost(): void;
}

/** Words wait this long for a media worker, ms: a hand-over takes seconds. */
const PATIENCE_MS = 20_000;
const RETRY_MS = 200;
const MOST_WAITING = 64;

export class TranscriptRelay {
  readonly #callId: string;
  readonly #services: RelayServices;
  #waiting = 0;
  #tail: Promise<void> = Promise.resolve();
  #workerUrl: string | undefined;
  #closed = false;
  #interim: Promise<void> | undefined;

  constructor(callId: string, services: RelayServices) {
    this.#callId = callId;
    this.#services = services;
  }

  /** Where the call's audio is, before the first words need it. */
  located(workerUrl: string): void {
    if (workerUrl !== '') this.#workerUrl ??= workerUrl;
  }

  /** Words that are not final: worth an interruption now or nothing later. */
  interim(heard: Heard): void {
    if (this.#waiting > 0 || this.#services.deliver(this.#callId, heard)) return;
    if (!this.#workerUrl || this.#interim) return;
    this.#interim = this.#services.forward(this.#workerUrl, this.#callId, heard).then(
      () => {
        this.#interim = undefined;
      },
      () => {
        this.#interim = undefined;
      },
    );
  }

  push(heard: Heard): void {
    if (this.#waiting >= MOST_WAITING) {
      this.#services.lost();
      return;
    }
    this.#waiting += 1;
    this.#tail = this.#tail
      .then(() => this.#send(heard))
      .catch(() => this.#services.lost())
      .finally(() => {
        this.#waiting -= 1;
      });
  }

  /** No more words come; those that wait are still delivered. */
  close(): Promise<void> {
    this.#closed = true;
    return this.#tail;
  }

  async #send(heard: Heard): Promise<void> {
    const until = performance.now() + PATIENCE_MS;
    while (performance.now() < until) {
      if (this.#services.deliver(this.#callId, heard)) return;
      if (!this.#workerUrl) {
        const located = await this.#services.locate(this.#callId);
        if (located.ok && located.workerUrl !== '') this.#workerUrl = located.workerUrl;
        else if (!located.ok && located.code === 'RTV_CALL_ENDED') return;
      }
      if (this.#workerUrl && (await this.#services.forward(this.#workerUrl, this.#callId, heard))) return;
      this.#workerUrl = undefined;
      if (this.#closed && this.#waiting > MOST_WAITING) return;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    this.#services.lost();
  }
}
