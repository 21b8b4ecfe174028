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
/** Facts that wait, over all calls. */
const MOST_WAITING = 10_000;

export class CallbackQueue {
  readonly #actors: ActorClient;
  readonly #dropped: (count: number) => void;
  readonly #tails = new Map<string, Promise<void>>();
  #waiting = 0;

  constructor(actors: ActorClient, dropped: (count: number) => void) {
    this.#actors = actors;
    this.#dropped = dropped;
  }

  accept(facts: readonly AcsFact[], correlationId: string): void {
    const now = Date.now();
    const byCall = new Map<string, Batch>();
    for (const fact of facts) {
      const held = byCall.get(fact.callConnectionId) ?? {
        facts: [],
        signals: [],
        origin: originOf(fact, correlationId),
      };
      held.facts.push(toCallFact(fact, now));
      held.signals.push(signalOf(fact));
      byCall.set(fact.callConnectionId, held);
    }
    for (const [callId, batch] of byCall) this.#enqueue(callId, batch);
  }

  /** Settles when nothing waits. */
  async idle(): Promise<void> {
    await Promise.all(this.#tails.values());
  }

  #enqueue(callId: string, batch: Batch): void {
    const { facts } = batch;
    if (this.#waiting + facts.length > MOST_WAITING) {
      this.#dropped(facts.length);
      return;
    }
    this.#waiting += facts.length;
    const before = this.#tails.get(callId) ?? Promise.resolve();
    const tail = before
      .then(() => this.#deliver(callId, batch))
      .catch(() => this.#dropped(facts.length))
      .finally(() => {
        this.#waiting -= facts.length;
        if (this.#tails.get(callId) === tail) this.#tails.delete(callId);
      });
    this.#tails.set(callId, tail);
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
