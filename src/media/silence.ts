/** A caller who says nothing is asked again, then wished goodbye: silence is never left unexplained. */

export interface SilenceSettings {
  /** Silence after the agent's words until it asks, ms. */
  readonly repromptMs: number;
  /** How often it asks before it says goodbye. */
  readonly reprompts: number;
}

export interface SilenceHooks {
  reprompt(): void;
  goodbye(): void;
}

export class Silence {
  readonly #settings: SilenceSettings;
  readonly #hooks: SilenceHooks;
  #timer: NodeJS.Timeout | undefined;
  #asked = 0;
  #onHold = false;

  constructor(settings: SilenceSettings, hooks: SilenceHooks) {
    this.#settings = settings;
    this.#hooks = hooks;
  }

  /** The agent has nothing more to say. */
  start(): void {
    clearTimeout(this.#timer);
    if (this.#onHold) return;
    this.#timer = setTimeout(() => {
      this.#asked += 1;
      if (this.#asked > this.#settings.reprompts) this.#hooks.goodbye();
      else this.#hooks.reprompt();
    }, this.#settings.repromptMs);
  }

  /** A voice is heard: no question now, whatever it turns out to be. */
  hold(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The call is put on hold, where silence is no wonder, or taken back. */
  onHold(on: boolean): void {
    this.#onHold = on;
    if (on) this.hold();
  }

  /** The caller said something, or is gone. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#asked = 0;
  }
}
