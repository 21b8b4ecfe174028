/** The calls whose audio this worker has. Words that were heard elsewhere come in here. */
import type { MediaSession } from './session.js';
import type { Heard } from './session-services.js';

export class SessionRegistry {
  readonly #sessions = new Map<string, MediaSession>();

  get size(): number {
    return this.#sessions.size;
  }

  get(callId: string): MediaSession | undefined {
    return this.#sessions.get(callId);
  }

  all(): MediaSession[] {
    return [...this.#sessions.values()];
  }

  /** A second socket of a call takes the place of the first, as the newer attachment does at the actor. */
  add(session: MediaSession): MediaSession | undefined {
    const before = this.#sessions.get(session.callId);
    this.#sessions.set(session.callId, session);
    return before;
  }

  remove(session: MediaSession): void {
    if (this.#sessions.get(session.callId) === session) this.#sessions.delete(session.callId);
  }

  /** false: the call's audio is not here, or not any more. */
  deliver(callId: string, heard: Heard): boolean {
    return this.#sessions.get(callId)?.heard(heard) ?? false;
  }

  /** The call was put on hold, or taken back. false: its audio is not here. */
  hold(callId: string, on: boolean): boolean {
    const session = this.#sessions.get(callId);
    session?.hold(on);
    return session !== undefined;
  }
}
