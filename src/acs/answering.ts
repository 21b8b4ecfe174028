/**
 * An incoming call, from Event Grid to answered. Event Grid delivers at least once and to any worker: a claim by
 * correlation id keeps two workers from answering, and the same repeatability id makes a repetition after a crash the
 * same request to ACS. So the call is answered once, whichever worker dies when.
 */
import type { CallOrigin } from '../actors/call-messages.js';
import type { AcsClient } from './client-types.js';
import type { IncomingCall } from './incoming.js';
import { repeatabilityIdFor } from './repeatability.js';

/** What is known of a call that was claimed before. */
export type Claim =
  | { readonly kind: 'mine' }
  | { readonly kind: 'answering' }
  | { readonly kind: 'answered'; readonly callConnectionId: string }
  /** Redis is away: ACS's own deduplication has to do. */
  | { readonly kind: 'unknown' };

/** Claims of incoming calls, by correlation id. */
export interface Claims {
  claim(correlationId: string): Promise<Claim>;
  answered(correlationId: string, callConnectionId: string): Promise<void>;
  release(correlationId: string): Promise<void>;
}

export interface AnsweringServices {
  readonly acs: AcsClient;
  readonly claims: Claims;
  /** Tells the actor that its call exists. */
  start(callConnectionId: string, origin: CallOrigin): Promise<void>;
  /** Keyed hash of the caller's raw id. */
  pseudonym(rawId: string): string;
  urls(correlationId: string): {
    readonly callback: string;
    readonly media: string;
    readonly transcription: string;
  };
  readonly locale: string;
  readonly sampleRate: 16_000 | 24_000;
  /** Why no new call is taken now. */
  refusal(): 'RTV_WORKER_DRAINING' | 'RTV_WORKER_FULL' | undefined;
  readonly metrics: {
    outcome(outcome: string): void;
    answerSent(ms: number): void;
    answered(ms: number): void;
  };
  now(): number;
}

export type Answering =
  | { readonly kind: 'answered'; readonly callConnectionId: string }
  | { readonly kind: 'already'; readonly callConnectionId: string }
  /** Try again later: another worker is at it, or this one takes no calls. */
  | { readonly kind: 'busy'; readonly code: string }
  | { readonly kind: 'failed'; readonly code: string; readonly retryable: boolean };

export async function answerCall(
  call: IncomingCall,
  traceparent: string | undefined,
  services: AnsweringServices,
): Promise<Answering> {
  const started = services.now();
  const refusal = services.refusal();
  if (refusal) {
    services.metrics.outcome('refused');
    return { kind: 'busy', code: refusal };
  }
  const { correlationId } = call;
  const claim = await services.claims.claim(correlationId);
  if (claim.kind === 'answering') return { kind: 'busy', code: 'RTV_CALL_ANSWERING' };
  const origin: CallOrigin = {
    correlationId,
    ...(call.from ? { subjectId: services.pseudonym(call.from.rawId) } : {}),
    ...(traceparent ? { traceparent } : {}),
  };
  if (claim.kind === 'answered') {
    // Answered by a worker that may have died before its actor knew: starting twice is starting once.
    await services.start(claim.callConnectionId, origin);
    return { kind: 'already', callConnectionId: claim.callConnectionId };
  }
  const urls = services.urls(correlationId);
  services.metrics.answerSent(services.now() - started);
  const answer = await services.acs.answer({
    incomingCallContext: call.incomingCallContext,
    callbackUri: urls.callback,
    mediaUrl: urls.media,
    transcriptionUrl: urls.transcription,
    locale: services.locale,
    sampleRate: services.sampleRate,
    repeatabilityId: repeatabilityIdFor(correlationId),
    ...(traceparent ? { operationContext: traceparent } : {}),
  });
  services.metrics.answered(services.now() - started);
  if (!answer.ok) {
    services.metrics.outcome('failed');
    await services.claims.release(correlationId);
    return { kind: 'failed', code: answer.code, retryable: answer.retryable || answer.unknown };
  }
  const { callConnectionId } = answer.value;
  await Promise.all([
    services.claims.answered(correlationId, callConnectionId),
    services.start(callConnectionId, origin),
  ]);
  services.metrics.outcome('answered');
  return { kind: 'answered', callConnectionId };
}
