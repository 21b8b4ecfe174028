import { messageOf } from '../errors.js';

/** Keeps hold of work that nobody awaits, so that its failure is reported and a shutdown can wait for it. */
export class Tasks {
  readonly #running = new Set<Promise<void>>();
  readonly #report: (name: string, message: string) => void;

  constructor(report: (name: string, message: string) => void) {
    this.#report = report;
  }

  /** Starts `work` in the background. */
  start(name: string, work: () => Promise<unknown>): void {
    const task: Promise<void> = work()
      .then(
        () => undefined,
        (error: unknown) => this.#report(name, messageOf(error)),
      )
      .finally(() => this.#running.delete(task));
    this.#running.add(task);
  }

  get size(): number {
    return this.#running.size;
  }

  /** Resolves when all that runs now has ended. */
  async settled(): Promise<void> {
    await Promise.all([...this.#running]);
  }
}
