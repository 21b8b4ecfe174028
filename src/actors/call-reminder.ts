/** The recurring reminder of one call: registered once an owner has it, not waited for, removed when it has ended. */
import type { Reminders } from './ports.js';

export class CallReminder {
  readonly #callId: string;
  readonly #reminders: Reminders;
  #there = false;

  constructor(callId: string, reminders: Reminders) {
    this.#callId = callId;
    this.#reminders = reminders;
  }

  /** Tried again by the next owner where it fails; the live-call sweep finds the call meanwhile. */
  register(): void {
    if (this.#there) return;
    this.#there = true;
    this.#reminders.register(this.#callId).then(
      (registered) => {
        this.#there = registered;
      },
      () => {
        this.#there = false;
      },
    );
  }

  async unregister(): Promise<void> {
    if (await this.#reminders.unregister(this.#callId)) this.#there = false;
  }
}
