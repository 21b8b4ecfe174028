/** What the outside may ask of a worker: incoming calls, callbacks, sockets, the control and reading APIs, probes. */
import type { Server } from 'node:http';
import { answerPolicy } from '../acs/answer-policy.js';
import { answerCall } from '../acs/answering.js';
import { CALL_ACTOR, type CallOrigin } from '../actors/call-messages.js';
import type { StartedBy } from '../actors/control-messages.js';
import { createDoors } from '../http/authenticate.js';
import { controlApi } from '../http/control-api.js';
import { type DrainApiParts, drainApi } from '../http/drain-api.js';
import { publicApp } from '../http/public-app.js';
import { createPublicServer } from '../http/server.js';
import { acceptUpgrades } from '../http/upgrades.js';
import { judge } from '../ops/health.js';
import { activeTraceparent, inSpan, traceparentOf } from '../ops/tracing.js';
import { createCallBindings } from '../stores/call-bindings.js';
import { createClaims } from '../stores/claims.js';
import { SharedSeenTokens } from '../stores/seen-tokens.js';
import type { Admission, RefusalReason } from './admission.js';
import type { Backing } from './backing.js';
import type { CallAddresses } from './call-urls.js';
import type { CallbackQueue } from './callbacks.js';
import { createCallControl } from './control.js';
import type { MediaWorker } from './media-worker.js';
import type { Owner } from './owner.js';
import { createAcsDoor, createEventGridDoor, createSecurityEvents } from './security.js';

export interface PublicSideParts {
  readonly addresses: CallAddresses;
  readonly owner: Owner;
  readonly media: MediaWorker['media'];
  readonly turns: MediaWorker['turns'];
  readonly admission: Admission;
  readonly callbacks: CallbackQueue;
  readonly drain: Pick<DrainApiParts, 'progress' | 'drain'>;
}

export interface PublicSide {
  /** Not listening yet. */
  readonly server: Server;
  /** No more sockets are taken. */
  closeSockets(): void;
  stop(): void;
}

export function createPublicSide(backing: Backing, parts: PublicSideParts): PublicSide {
  const { config, redis, keys, actors, acs, seal, liveIndex, metrics, log } = backing;
  const { addresses, media, admission } = parts;
  const { record, calls, controlAudit } = parts.owner;
  const claims = createClaims(redis, keys);
  const bindings = createCallBindings(redis, keys);
  const security = createSecurityEvents(metrics, log, record.audit.security);
  const acsDoor = createAcsDoor(
    config,
    new SharedSeenTokens(redis, keys, () => metrics.rules.add(1, { rule: 'tokens_alone' })),
    log,
  );
  const doors = createDoors({
    acs: acsDoor.verifier,
    eventGrid: createEventGridDoor(config, log),
    readToken: addresses.read,
    fits: (correlationId, callConnectionId) => bindings.fits(correlationId, callConnectionId),
    security,
  });

  const refusal = () => {
    const reason = admission.refusal();
    if (!reason) return undefined;
    return reason === 'draining' ? 'RTV_WORKER_DRAINING' : 'RTV_WORKER_FULL';
  };
  const start = async (callConnectionId: string, origin: CallOrigin, by?: StartedBy): Promise<void> => {
    admission.answered(callConnectionId);
    record.warm(origin.subjectId);
    await actors.call(CALL_ACTOR, callConnectionId, 'start', { origin, ...(by ? { by } : {}) });
  };
  /** What an answered and a placed call have in common. */
  const common = {
    acs,
    claims,
    start,
    pseudonym: (rawId: string): string => seal.pseudonym('subject', rawId),
    urls: addresses.of,
    locale: config.SPEECH_LOCALE,
    channels: config.MEDIA_CHANNELS,
    refusal,
    answering: () => admission.answering(),
  };
  const control = createCallControl({
    ...common,
    actors,
    index: liveIndex,
    audit: controlAudit,
    traceparent: activeTraceparent,
  });

  const policy = answerPolicy(config.ANSWER_POLICY);
  const app = publicApp({
    answer: (call) =>
      inSpan('call.incoming', { 'rtvoice.correlation_id': call.correlationId }, undefined, (span) =>
        answerCall(call, traceparentOf(span), {
          ...common,
          policy,
          sampleRate: 16_000,
          wallClock: () => Date.now(),
          declined: (correlationId, how) => controlAudit.declined(correlationId, how),
          metrics: {
            outcome: (outcome) => metrics.callsAnswered.add(1, { outcome }),
            answerSent: (ms) => metrics.setup.record(ms),
            answered: (ms) => metrics.answered.record(ms),
          },
          now: () => performance.now(),
        }),
      ),
    doors,
    routes: (publicSide) => {
      record.routes(publicSide, security, parts.turns);
      const token = config.API_TOKEN;
      if (!token) return;
      controlApi(publicSide, { token, calls: control, security });
      drainApi(publicSide, { token, security, ...parts.drain });
    },
    accept: (facts, correlationId) => parts.callbacks.accept(facts, correlationId),
    health: () =>
      judge({
        ...admissionHealth(admission.state()),
        redis: { status: redis.state === 'up' ? 'pass' : 'warn' },
        backlog: { status: calls.backlog.totalBytes > 0 ? 'warn' : 'pass' },
      }),
    metrics,
    log,
  });
  const server = createPublicServer(app);
  const sockets = acceptUpgrades(server, {
    doors,
    open: (call, socket) => media.openSocket(call, socket),
  });
  return { server, closeSockets: () => sockets.close(), stop: () => acsDoor.stop() };
}

/** At its limit a worker stays ready, since its live calls' events and sockets come through the same ingress. */
const admissionHealth = (refusal: RefusalReason | undefined) => ({
  process: { status: refusal === 'draining' ? 'fail' : 'pass' } as const,
  admission: { status: refusal ? 'warn' : 'pass', ...(refusal ? { output: refusal } : {}) } as const,
});
