/**
 * Writes of one thing, each of which replaces the one before: one under way at a time, the newest next, those between
 * never. So that a slow store meets no pile of old news, and news never overtake newer ones.
 */
export class LatestOnly<T> {
  readonly #write: (value: T) => Promise<void>;
  #next: { readonly value: T } | undefined;
  #running: Promise<void> | undefined;

  /** @param write never rejects */
  constructor(write: (value: T) => Promise<void>) {
    this.#write = write;
  }

  /** Settles once this value, or a newer one, was written. */
  async put(value: T): Promise<void> {
    this.#next = { value };
    // The write that is under way holds an older value: the one after it holds this or a newer one.
    if (this.#running) await this.#running;
    this.#running ??= this.#run();
    await this.#running;
  }

  async #run(): Promise<void> {
    const next = this.#next;
    this.#next = undefined;
    if (next) await this.#write(next.value);
    this.#running = undefined;
  }
}
