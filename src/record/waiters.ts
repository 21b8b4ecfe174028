/** Waits for a condition that changes with others' work: looked at when they say so, given up at a deadline. */
import type { Clock } from './clock.js';

export class Waiters {
  readonly #clock: Clock;
  readonly #checks = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Something changed. */
  wake(): void {
    for (const check of [...this.#checks]) check();
  }

  /**
   * @param done whether what is waited for is there
   * @param hopeless whether it cannot come any more
   * @param deadlineMs ms from now
   * @returns whether `done` came first
   */
  async until(done: () => boolean, hopeless: () => boolean, deadlineMs: number): Promise<boolean> {
    if (done()) return true;
    return new Promise((resolve) => {
      const end = (result: boolean): void => {
        cancel();
        this.#checks.delete(check);
        resolve(result);
      };
      const check = (): void => {
        if (done()) end(true);
        else if (hopeless()) end(false);
      };
      const cancel = this.#clock.after(deadlineMs, () => end(false));
      this.#checks.add(check);
    });
  }
}
