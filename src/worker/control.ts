/** Call control of a worker: outbound calls, and operations on calls wherever their actors live. */
import { createHash, randomUUID } from 'node:crypto';
import type { Claims } from '../acs/answering.js';
import type { AcsClient } from '../acs/client-types.js';
import type { CreateCallArgs } from '../acs/control-requests.js';
import { repeatabilityIdFor } from '../acs/repeatability.js';
import { CALL_ACTOR, type CallDescription, type CallOrigin } from '../actors/call-messages.js';
import type { ActorClient } from '../actors/client.js';
import type { ControlStarted, OperationsAnswer, StartedBy } from '../actors/control-messages.js';
import type { CallControlService } from '../http/control-api.js';
import type { CallUrls } from './call-urls.js';
import type { ControlAudit } from './control-audit.js';

/** Who asks, as the audit log names it: whoever holds the API token. */
const BY_API = 'api';

export interface ControlServiceParts {
  readonly actors: ActorClient;
  readonly acs: AcsClient;
  readonly claims: Claims;
  readonly index: { newest(limit: number): Promise<string[]> };
  start(callConnectionId: string, origin: CallOrigin, by: StartedBy): Promise<void>;
  urls(correlationId: string): CallUrls;
  pseudonym(rawId: string): string;
  /** Why no new call is made now. */
  refusal(): 'RTV_WORKER_DRAINING' | 'RTV_WORKER_FULL' | undefined;
  /** The call has its place among those of this worker from here on; what is returned gives it back. */
  answering(): () => void;
  readonly audit: Pick<ControlAudit, 'created'>;
  readonly locale: string;
  readonly channels: 'mixed' | 'unmixed';
  traceparent(): string | undefined;
}

export function createCallControl(parts: ControlServiceParts): CallControlService {
  const { actors, acs, claims } = parts;
  /** @param leave gives the place back that the call has while it is made */
  const place = async (
    args: CreateCallArgs,
    idempotencyKey: string | undefined,
    deadlineMs: number | undefined,
    leave: () => void,
  ): ReturnType<CallControlService['create']> => {
    // The same key names the same call, on any worker.
    const correlationId = idempotencyKey ? uuidOf(idempotencyKey) : randomUUID();
    const claim = await claims.claim(correlationId);
    if (claim.kind === 'answering' || claim.kind === 'declined')
      return { ok: false, code: 'RTV_CALL_ANSWERING' };
    if (claim.kind === 'answered') {
      return { ok: true, callConnectionId: claim.callConnectionId, repeated: true };
    }
    const urls = parts.urls(correlationId);
    const traceparent = parts.traceparent();
    const id = repeatabilityIdFor(correlationId, 'create');
    const created = await acs.createCall({
      ...args,
      callbackUri: urls.callback,
      mediaUrl: urls.media,
      transcriptionUrl: urls.transcription,
      locale: parts.locale,
      sampleRate: 16_000,
      channels: parts.channels,
      repeatabilityId: id,
      ...(traceparent ? { operationContext: traceparent } : {}),
    });
    if (!created.ok) {
      parts.audit.created(BY_API, correlationId, { code: created.code });
      await claims.release(correlationId);
      return { ok: false, code: created.code };
    }
    const { callConnectionId } = created.value;
    // Started, it has a place of its own.
    leave();
    parts.audit.created(BY_API, correlationId, { callId: callConnectionId });
    const origin: CallOrigin = {
      correlationId,
      subjectId: parts.pseudonym(args.target),
      ...(traceparent ? { traceparent } : {}),
    };
    await Promise.all([
      claims.answered(correlationId, callConnectionId),
      parts.start(callConnectionId, origin, {
        kind: 'createCall',
        id,
        ...(idempotencyKey ? { idempotencyKey } : {}),
        ...(deadlineMs ? { deadlineMs } : {}),
      }),
    ]);
    return { ok: true, callConnectionId, repeated: false };
  };
  return {
    async create(args, idempotencyKey, deadlineMs) {
      const refusal = parts.refusal();
      if (refusal) return { ok: false, code: refusal };
      const leave = parts.answering();
      try {
        return await place(args, idempotencyKey, deadlineMs, leave);
      } finally {
        leave();
      }
    },
    live: (limit) => parts.index.newest(limit),
    describe: (callId) => actors.call<CallDescription>(CALL_ACTOR, callId, 'describe', {}),
    control: (callId, args) =>
      actors.call<ControlStarted>(CALL_ACTOR, callId, 'control', { ...args, by: BY_API }),
    operations: (callId) => actors.call<OperationsAnswer>(CALL_ACTOR, callId, 'operations', {}),
  };
}

function uuidOf(key: string): string {
  const hex = createHash('sha256').update(`rtvoice/outbound\0${key}`).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
