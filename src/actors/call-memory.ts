/**
 * What the owner of a call keeps in memory, in one place. The parts of CallInstance read and change this and hold
 * nothing of the call themselves; what of it must outlive the owner is in session-fields.ts and in the ledger's turns.
 */
import { TurnLedger } from '../call/ledger.js';
import { type CallState, initialState } from '../call/state.js';
import { type ConversationContext, emptyContext } from '../memory/context.js';
import type { CallOrigin, Saying } from './call-messages.js';

export class CallMemory {
  readonly id: string;
  /** Another instance has the call: nothing of this one counts any more. */
  stale = false;
  /** The session is claimed, and what it holds is here. */
  loaded: { readonly incarnation: string } | undefined;
  /** The media worker that was let in last while nothing could be read: its place until Redis answers. */
  provisional: { readonly incarnation: string; readonly mediaEpoch: number } | undefined;
  /** Incarnations of all that were let in so. */
  readonly provisionals = new Set<string>();
  readonly ledger = new TurnLedger();
  state: CallState = initialState();
  origin: CallOrigin = { correlationId: '' };
  /** The origin says more than the session in Redis. */
  originLearnt = false;
  context: ConversationContext = emptyContext();
  /** What the agent is about to say. */
  saying: Saying | undefined;
  /** Who has the audio, and where it is reached; empty while nobody has. */
  mediaWorker = '';
  workerUrl = '';
  /** The last sign of life of ACS or of a media worker, ms. */
  lastActivityMs: number;

  constructor(id: string, nowMs: number) {
    this.id = id;
    this.lastActivityMs = nowMs;
  }

  /** A place of its own for each media worker that is let in provisionally, for each numbers its turns from 1. */
  letInProvisionally(incarnation: string): { readonly incarnation: string; readonly mediaEpoch: number } {
    this.provisionals.add(incarnation);
    this.provisional = { incarnation, mediaEpoch: 0 };
    return this.provisional;
  }

  /** Empty while nothing is known. */
  get incarnation(): string {
    return (this.loaded ?? this.provisional)?.incarnation ?? '';
  }

  /** What is known of the call adds up: ACS's events, the answer and the media socket come in any order. */
  learn(origin: CallOrigin): void {
    const known = this.origin;
    const merged: CallOrigin = {
      ...origin,
      ...known,
      correlationId: known.correlationId || origin.correlationId,
    };
    const news = (['correlationId', 'subjectId', 'traceparent'] as const).some(
      (name) => merged[name] !== known[name],
    );
    if (!news) return;
    this.origin = merged;
    this.originLearnt = true;
  }
}
