/** A caller's signal together with a clock that can be stopped and set again. */
export class Deadline {
  /** The clock, not the caller, ended it. */
  passed = false;
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal;
  readonly #onAbort = (): void => this.#controller.abort(this.#caller.reason);
  #timer: NodeJS.Timeout | undefined;

  constructor(caller: AbortSignal, ms: number) {
    this.#caller = caller;
    if (caller.aborted) this.#onAbort();
    else caller.addEventListener('abort', this.#onAbort, { once: true });
    this.restart(ms);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  restart(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.passed = true;
      this.#controller.abort();
    }, ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Also ends a response that its reader left before its end. */
  end(): void {
    this.stop();
    this.#caller.removeEventListener('abort', this.#onAbort);
    this.#controller.abort();
  }
}
