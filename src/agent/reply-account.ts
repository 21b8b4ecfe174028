/** What one reply of a model took: tokens and time. Holds no word of it. */
import type { Usage } from '../call/measures.js';
import type { AgentErrorCode } from './errors.js';

/** One request to a model, for spans and metrics. Times are Unix ms. */
export interface ChatFacts {
  readonly model: string;
  readonly responseModel: string | undefined;
  readonly host: string;
  readonly port: number;
  readonly startMs: number;
  readonly firstTokenMs: number | undefined;
  readonly endMs: number;
  readonly usage: Usage | undefined;
  /** The reply was cut before the service told. */
  readonly estimated: boolean;
  readonly finish: string | undefined;
  /** RTV_AGENT_ABORTED where the caller cut in. */
  readonly error: AgentErrorCode | undefined;
  readonly traceparent: string | undefined;
}

/** English text has about four characters a token. */
const CHARACTERS_A_TOKEN = 4;

export class ReplyAccount {
  readonly #model: string;
  readonly #address: { readonly host: string; readonly port: number };
  readonly #charactersIn: number;
  readonly #startMs = Date.now();
  #firstTokenMs: number | undefined;
  #responseModel: string | undefined;
  #finish: string | undefined;
  #error: AgentErrorCode | undefined;
  #pieces = 0;
  #told: Usage | undefined;

  constructor(
    model: string,
    address: { readonly host: string; readonly port: number },
    messages: readonly { readonly content: string }[],
  ) {
    this.#model = model;
    this.#address = address;
    this.#charactersIn = messages.reduce((sum, { content }) => sum + content.length, 0);
  }

  /** Whether a word came. */
  get spoke(): boolean {
    return this.#pieces > 0;
  }

  take(chunk: {
    readonly text: string;
    readonly finish: string | undefined;
    readonly model: string | undefined;
    readonly usage: Usage | undefined;
  }): void {
    if (chunk.text !== '') {
      this.#firstTokenMs ??= Date.now();
      this.#pieces += 1;
    }
    this.#finish = chunk.finish ?? this.#finish;
    this.#responseModel = chunk.model ?? this.#responseModel;
    this.#told = chunk.usage ?? this.#told;
  }

  failed(code: AgentErrorCode): void {
    this.#error = code;
  }

  /**
   * What the service told; an estimate for a reply that was cut before it did, since that is charged too. Undefined
   * where no word came.
   */
  usage(cut: boolean): Usage | undefined {
    if (this.#told) return this.#told;
    if (!this.spoke && !cut) return undefined;
    return { tokensIn: Math.ceil(this.#charactersIn / CHARACTERS_A_TOKEN), tokensOut: this.#pieces };
  }

  facts(traceparent: string | undefined, usage: Usage | undefined, cut: boolean): ChatFacts {
    return {
      ...this.#address,
      model: this.#model,
      responseModel: this.#responseModel,
      startMs: this.#startMs,
      firstTokenMs: this.#firstTokenMs,
      endMs: Date.now(),
      usage,
      estimated: !this.#told,
      finish: this.#finish,
      error: cut ? 'RTV_AGENT_ABORTED' : this.#error,
      traceparent,
    };
  }
}
