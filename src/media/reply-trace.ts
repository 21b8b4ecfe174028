/** The span of one reply and of its stages, all in the past when they are told: a reply waits for no telemetry. */
import type { CallTrace, SpanEvent, SpanFacts } from '../actors/ports.js';
import type { Waterfall } from './waterfall.js';

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
    this.#startMs = wallClock(since);
  }

  /** A stage that lasted from `startMs` until now, wall-clock ms. */
  stage(name: ReplyStage, startMs: number, facts: SpanFacts = {}): void {
    if (this.#stages.length < MOST_STAGES) this.#stages.push({ name, startMs, endMs: Date.now(), facts });
  }

  /** The reply was heard or cut. The moments of its waterfall are events of its span. */
  end(parent: string | undefined, facts: SpanFacts, waterfall?: Waterfall): void {
    const call = { call: this.#callId };
    const events = [...(waterfall?.moments ?? [])].map(
      ([name, atMs]): SpanEvent => ({ name, atMs: wallClock(atMs) }),
    );
    const endMs = Date.now();
    const reply = this.#trace.past('reply', parent, { ...call, ...facts }, this.#startMs, endMs, events);
    for (const { name, startMs, endMs, facts: own } of this.#stages) {
      this.#trace.past(name, reply, { ...call, ...own }, startMs, endMs);
    }
  }
}

/** Unix ms of a time on the monotonic clock. */
const wallClock = (ms: number): number => Date.now() - (performance.now() - ms);
