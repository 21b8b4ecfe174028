/**
 * What the caller says, in words and in keys, as one row of utterances: words that come twice are taken once, keys are
 * gathered, and an utterance whose final does not come ends by its pause.
 */
import { randomUUID } from 'node:crypto';
import { ENDPOINT, Endpointing, type EndpointSettings } from './endpointing.js';
import type { Heard } from './session-services.js';
import { TONES, ToneCollector, type ToneSettings } from './tones.js';

export interface CallerWordsHooks {
  /** Words that are a turn. */
  said(heard: Heard): void;
  /** Words that may interrupt, and are no turn. */
  saying(text: string): void;
  /** A key was pressed; more may follow. */
  pressing(): void;
}

export interface CallerWordsSettings {
  readonly tones?: ToneSettings;
  readonly endpoint?: EndpointSettings;
}

/** Ids of words that are remembered: what comes again comes within seconds. */
const MOST_REMEMBERED = 64;

export class CallerWords {
  readonly #hooks: CallerWordsHooks;
  readonly #tones: ToneCollector;
  readonly #endpointing: Endpointing;
  /** Ids of final words that were taken. */
  readonly #taken = new Set<string>();

  constructor({ tones = TONES, endpoint = ENDPOINT }: CallerWordsSettings, hooks: CallerWordsHooks) {
    this.#hooks = hooks;
    this.#tones = new ToneCollector(tones, (text, startedAtMs, endedAtMs) =>
      this.#take({ id: randomUUID(), text, startedAtMs, endedAtMs, final: true }),
    );
    this.#endpointing = new Endpointing(endpoint, (heard) => this.#take(heard));
  }

  /** Words of a recogniser. */
  heard(heard: Heard): void {
    if (heard.text.trim() === '' || this.#taken.has(heard.id)) return;
    if (!heard.final) {
      this.#endpointing.interim(heard);
      this.#hooks.saying(heard.text);
      return;
    }
    this.#remember(heard.id);
    const rest = this.#endpointing.final(heard);
    if (!rest) return;
    // What was keyed before is said before.
    this.#tones.flush();
    this.#take(rest);
  }

  /** A key, 0-9, *, #, A-D. */
  tone(tone: string): void {
    this.#hooks.pressing();
    this.#tones.tone(tone);
  }

  /** The caller's voice begins or ends. */
  voice(speaking: boolean): void {
    this.#endpointing.voice(speaking);
  }

  /** The call goes elsewhere: what was keyed so far is all. */
  flush(): void {
    this.#tones.flush();
  }

  close(): void {
    this.#tones.close();
    this.#endpointing.close();
  }

  #take(heard: Heard): void {
    this.#remember(heard.id);
    this.#hooks.said(heard);
  }

  #remember(id: string): void {
    this.#taken.add(id);
    const [oldest] = this.#taken;
    if (this.#taken.size > MOST_REMEMBERED && oldest !== undefined) this.#taken.delete(oldest);
  }
}
