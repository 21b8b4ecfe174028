/**
 * An incoming call, from Event Grid to answered. Event Grid delivers at least once and to any worker: a claim by
 * correlation id keeps two workers from answering, and the same repeatability id makes a repetition after a crash the
 * same request to ACS. So the call is answered once, whichever worker dies when.
 */
import type { CallOrigin } from '../actors/call-messages.js';
import type { StartedBy } from '../actors/control-messages.js';
import type { AnswerDecision, AnswerPolicy } from './answer-policy.js';
import type { AcsClient } from './client-types.js';
import type { IncomingCall } from './incoming.js';
import { repeatabilityIdFor } from './repeatability.js';

/** What is known of a call that was claimed before. */
export type Claim =
  | { readonly kind: 'mine' }
  | { readonly kind: 'answering' }
  | { readonly kind: 'answered'; readonly callConnectionId: string }
  /** Rejected or redirected: it never becomes a call of ours. */
  | { readonly kind: 'declined'; readonly how: Declined }
  /** Redis is away: ACS's own deduplication has to do. */
  | { readonly kind: 'unknown' };

export type Declined = 'rejected' | 'redirected';

/** Claims of incoming calls, by correlation id. */
export interface Claims {
  claim(correlationId: string): Promise<Claim>;
  answered(correlationId: string, callConnectionId: string): Promise<void>;
  declined(correlationId: string, how: Declined): Promise<void>;
  release(correlationId: string): Promise<void>;
}

export interface AnsweringServices {
  readonly acs: AcsClient;
  readonly claims: Claims;
  readonly policy: AnswerPolicy;
  /** Tells the actor that its call exists, and which operation made it. */
  start(callConnectionId: string, origin: CallOrigin, operation?: StartedBy): Promise<void>;
  /** Keyed hash of the caller's raw id. */
  pseudonym(rawId: string): string;
  urls(correlationId: string): {
    readonly callback: string;
    readonly media: string;
    readonly transcription: string;
  };
  readonly locale: string;
  readonly sampleRate: 16_000 | 24_000;
  readonly channels?: 'mixed' | 'unmixed';
  /** Why no new call is taken now. */
  refusal(): 'RTV_WORKER_DRAINING' | 'RTV_WORKER_FULL' | undefined;
  /** The call has its place among those of this worker from here on; what is returned gives it back. */
  answering(): () => void;
  /** Unix ms. */
  wallClock(): number;
  readonly metrics: {
    outcome(outcome: string): void;
    answerSent(ms: number): void;
    answered(ms: number): void;
  };
  /** A call was rejected or redirected: for the audit log. */
  declined(correlationId: string, how: Declined): void;
  now(): number;
}

export type Answering =
  | { readonly kind: 'answered'; readonly callConnectionId: string }
  | { readonly kind: 'already'; readonly callConnectionId: string }
  | { readonly kind: Declined }
  /** Try again later: another worker is at it, or this one takes no calls. */
  | { readonly kind: 'busy'; readonly code: string }
  | { readonly kind: 'failed'; readonly code: string; readonly retryable: boolean };

/**
 * A call that rings for longer than this is about to be given up by the caller, and nobody had room for it: it is
 * rejected as busy, which is kinder than silence. Event Grid's second delivery comes after 10 s, its third after 40 s, ms.
 */
const RINGS_TOO_LONG_MS = 9_000;

export async function answerCall(
  call: IncomingCall,
  traceparent: string | undefined,
  services: AnsweringServices,
): Promise<Answering> {
  const refusal = services.refusal();
  const rungMs = call.atMs === undefined ? 0 : services.wallClock() - call.atMs;
  if (refusal && (refusal === 'RTV_WORKER_DRAINING' || rungMs < RINGS_TOO_LONG_MS)) {
    services.metrics.outcome('refused');
    return { kind: 'busy', code: refusal };
  }
  // Before anything is waited for: calls that come together must not all find the same room.
  const leave = services.answering();
  try {
    return await decide(call, traceparent, services, { isRefused: refusal !== undefined, leave });
  } finally {
    leave();
  }
}

async function decide(
  call: IncomingCall,
  traceparent: string | undefined,
  services: AnsweringServices,
  { isRefused, leave }: { isRefused: boolean; leave: () => void },
): Promise<Answering> {
  const started = services.now();
  const { correlationId } = call;
  const claim = await services.claims.claim(correlationId);
  if (claim.kind === 'declined') return { kind: claim.how };
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
  const decision: AnswerDecision = isRefused
    ? { kind: 'reject', reason: 'busy' }
    : await services.policy(call);
  if (decision.kind !== 'answer') return decline(call, decision, services);
  const urls = services.urls(correlationId);
  services.metrics.answerSent(services.now() - started);
  const answer = await services.acs.answer({
    incomingCallContext: call.incomingCallContext,
    callbackUri: urls.callback,
    mediaUrl: urls.media,
    transcriptionUrl: urls.transcription,
    locale: services.locale,
    sampleRate: services.sampleRate,
    ...(services.channels ? { channels: services.channels } : {}),
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
  // Started, it has a place of its own.
  leave();
  await Promise.all([
    services.claims.answered(correlationId, callConnectionId),
    services.start(callConnectionId, origin, { kind: 'answer', id: repeatabilityIdFor(correlationId) }),
  ]);
  services.metrics.outcome('answered');
  return { kind: 'answered', callConnectionId };
}

async function decline(
  call: IncomingCall,
  decision: Exclude<AnswerDecision, { kind: 'answer' }>,
  services: AnsweringServices,
): Promise<Answering> {
  const { correlationId, incomingCallContext } = call;
  const repeatabilityId = repeatabilityIdFor(correlationId, decision.kind);
  const result =
    decision.kind === 'reject'
      ? await services.acs.reject(incomingCallContext, { reason: decision.reason, repeatabilityId })
      : await services.acs.redirect(incomingCallContext, decision.target, { repeatabilityId });
  if (!result.ok) {
    services.metrics.outcome('failed');
    await services.claims.release(correlationId);
    return { kind: 'failed', code: result.code, retryable: result.retryable || result.unknown };
  }
  const how: Declined = decision.kind === 'reject' ? 'rejected' : 'redirected';
  services.metrics.outcome(how);
  services.declined(correlationId, how);
  await services.claims.declined(correlationId, how);
  return { kind: how };
}
