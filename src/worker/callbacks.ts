/**
 * Callbacks after their 202: each call's facts go to its actor in the order they came, again until it took them. What
 * cannot be delivered in time is dropped and counted: the reminder's reconciliation asks ACS for the truth.
 */

import { toCallFact } from '../acs/call-facts.js';
import type { AcsFact } from '../acs/facts.js';
import { compact } from '../acs/fields.js';
import { CALL_ACTOR, type CallOrigin } from '../actors/call-messages.js';
import type { ActorClient } from '../actors/client.js';
import type { EventSignal } from '../actors/control-messages.js';
import type { CallFact } from '../call/events.js';

interface Batch {
  readonly facts: CallFact[];
  readonly signals: EventSignal[];
  readonly origin: CallOrigin;
}

const PATIENCE_MS = 60_000;
const RETRY_MS = 250;
/** Facts in one call of an actor. */
const MOST_AT_ONCE = 512;
/** Facts that wait, over all calls. */
const MOST_WAITING = 10_000;

/** A call whose facts are on the way; what comes meanwhile goes next, together. */
interface Line {
  next: Batch | undefined;
  readonly done: Promise<void>;
}

export class CallbackQueue {
  readonly #actors: Pick<ActorClient, 'call'>;
  readonly #dropped: (count: number) => void;
  readonly #lines = new Map<string, Line>();
  #waiting = 0;

  constructor(actors: Pick<ActorClient, 'call'>, dropped: (count: number) => void) {
    this.#actors = actors;
    this.#dropped = dropped;
  }

  accept(facts: readonly AcsFact[], correlationId: string): void {
    const now = Date.now();
    for (const fact of facts) {
      if (this.#waiting >= MOST_WAITING) {
        this.#dropped(1);
        continue;
      }
      this.#waiting += 1;
      this.#add(fact.callConnectionId, {
        facts: [toCallFact(fact, now)],
        signals: [signalOf(fact)],
        origin: originOf(fact, correlationId),
      });
    }
  }

  /** Settles when nothing waits. */
  async idle(): Promise<void> {
    await Promise.all([...this.#lines.values()].map(({ done }) => done));
  }

  #add(callId: string, batch: Batch): void {
    const line = this.#lines.get(callId);
    if (!line) {
      const started: Line = { next: batch, done: Promise.resolve().then(() => this.#drain(callId, started)) };
      this.#lines.set(callId, started);
    } else if (!line.next) line.next = batch;
    else {
      line.next.facts.push(...batch.facts);
      line.next.signals.push(...batch.signals);
      // The first context of a trace is as good as the last.
      if (!line.next.origin.traceparent) line.next = { ...line.next, origin: batch.origin };
    }
  }

  async #drain(callId: string, line: Line): Promise<void> {
    while (line.next) {
      const { facts, signals, origin } = line.next;
      // A sidecar takes bodies of a few MB at most.
      const batch = {
        facts: facts.splice(0, MOST_AT_ONCE),
        signals: signals.splice(0, MOST_AT_ONCE),
        origin,
      };
      if (facts.length === 0) line.next = undefined;
      await this.#deliver(callId, batch).catch(() => this.#dropped(batch.facts.length));
      this.#waiting -= batch.facts.length;
    }
    this.#lines.delete(callId);
  }

  async #deliver(callId: string, batch: Batch): Promise<void> {
    const until = performance.now() + PATIENCE_MS;
    while (performance.now() < until) {
      const answer = await this.#actors.call(CALL_ACTOR, callId, 'event', batch);
      if (answer.ok || answer.code === 'RTV_CALL_ENDED' || answer.code === 'RTV_CALL_UNKNOWN') return;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
    this.#dropped(batch.facts.length);
  }
}

/** Codes, ids and states of an event; its prose and parties stay behind. */
function signalOf(fact: AcsFact): EventSignal {
  const { result } = fact;
  return compact({
    eventId: fact.id,
    type: fact.type,
    operationContext: fact.operationContext,
    recordingId: 'recordingId' in fact ? fact.recordingId : undefined,
    recordingState: 'recordingState' in fact ? fact.recordingState : undefined,
    result: result ? { code: result.code, subCode: result.subCode } : undefined,
  });
}

/** operationContext carries the trace of calls that we answered. */
function originOf(fact: AcsFact, correlationId: string): CallOrigin {
  const context = fact.operationContext;
  return { correlationId, ...(context?.startsWith('00-') ? { traceparent: context } : {}) };
}
