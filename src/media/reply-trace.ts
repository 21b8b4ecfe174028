/** The span of one reply and of its stages, all in the past when they are told: a reply waits for no telemetry. */
import type { CallTrace, SpanFacts } from '../actors/ports.js';

export type ReplyStage = 'reply.agent' | 'reply.speech' | 'reply.audio';

interface Stage {
  readonly name: ReplyStage;
  readonly startMs: number;
  readonly endMs: number;
  readonly facts: SpanFacts;
}

/** A reply of many sentences is told in its first ones. */
const MOST_STAGES = 16;

export class ReplyTrace {
  readonly #callId: string;
  readonly #trace: CallTrace;
  readonly #startMs: number;
  readonly #stages: Stage[] = [];

  /** @param since when the caller's final words came, ms of the monotonic clock */
  constructor(trace: CallTrace, callId: string, since: number) {
    this.#trace = trace;
    this.#callId = callId;
    this.#startMs = Date.now() - (performance.now() - since);
  }

  /** A stage that lasted from `startMs` until now, wall-clock ms. */
  stage(name: ReplyStage, startMs: number, facts: SpanFacts = {}): void {
    if (this.#stages.length < MOST_STAGES) this.#stages.push({ name, startMs, endMs: Date.now(), facts });
  }

  /** The reply was heard or cut. */
  end(parent: string | undefined, facts: SpanFacts): void {
    const call = { call: this.#callId };
    const reply = this.#trace.past('reply', parent, { ...call, ...facts }, this.#startMs, Date.now());
    for (const { name, startMs, endMs, facts: own } of this.#stages) {
      this.#trace.past(name, reply, { ...call, ...own }, startMs, endMs);
    }
  }
}
