/** What comes into a call is taken one thing after the other. */
export class InputQueue {
  readonly #failed: (thrown: unknown) => void;
  #tail: Promise<void> = Promise.resolve();
  /** Inputs that were not taken to their end yet. */
  waiting = 0;

  /** @param failed of one input; the next ones are taken all the same */
  constructor(failed: (thrown: unknown) => void) {
    this.#failed = failed;
  }

  add(input: () => Promise<void>): void {
    this.waiting += 1;
    this.#tail = this.#tail
      .then(input)
      .catch(this.#failed)
      .finally(() => {
        this.waiting -= 1;
      });
  }

  /** Settles when all that was added so far was taken. Never rejects. */
  get taken(): Promise<void> {
    return this.#tail;
  }
}
