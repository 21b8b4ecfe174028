/** One worker: reads the configuration, wires the parts, starts the servers, ends cleanly on SIGTERM. */

import { hkdfSync } from 'node:crypto';
import type { Server } from 'node:http';
import express from 'express';
import { answerCall, answerPolicy } from './acs/answering.js';
import { mintCallToken, readCallToken } from './acs/auth/call-token.js';
import { createAcs } from './acs/client.js';
import { sendControl } from './acs/control-send.js';
import { CallActor } from './actors/call-actor.js';
import { CALL_ACTOR, type CallOrigin } from './actors/call-messages.js';
import { createActorClient } from './actors/client.js';
import type { StartedBy } from './actors/control-messages.js';
import { startDaprSide } from './actors/dapr-server.js';
import { RecordActor } from './actors/record-actor.js';
import { RetentionActor } from './actors/retention-actor.js';
import { SubjectActor } from './actors/subject-actor.js';
import { type Config, readConfig } from './config.js';
import { messageOf, RtvoiceError } from './errors.js';
import { createDoors } from './http/authenticate.js';
import { controlApi } from './http/control-api.js';
import { publicApp } from './http/public-app.js';
import { createPublicServer } from './http/server.js';
import { acceptUpgrades } from './http/upgrades.js';
import type { Heard } from './media/session-services.js';
import { VoiceActivity } from './media/vad/voice-activity.js';
import { judge } from './ops/health.js';
import { createLogger } from './ops/log.js';
import { createMetrics } from './ops/metrics.js';
import { activeTraceparent, callTrace, inSpan, startTracing, traceparentOf } from './ops/tracing.js';
import { localSeal } from './privacy/seal.js';
import { createCallBindings } from './stores/call-bindings.js';
import { createClaims } from './stores/claims.js';
import { DaprContexts } from './stores/contexts.js';
import { cosmosFrom } from './stores/cosmos/client.js';
import { DaprArchive } from './stores/cosmos/dapr-archive.js';
import { DaprState } from './stores/dapr-state.js';
import { createJournal } from './stores/journal.js';
import { createAffinity, createLiveIndex } from './stores/live-calls.js';
import { SharedSeenTokens } from './stores/seen-tokens.js';
import { createCallHost } from './worker/actors.js';
import { Admission, type RefusalReason } from './worker/admission.js';
import { createAgent, readTexts } from './worker/agent.js';
import { createArchiver, withHeaders } from './worker/archive.js';
import { createCallLine } from './worker/call-line.js';
import { CallbackQueue } from './worker/callbacks.js';
import { createClosing } from './worker/closing.js';
import { createCallControl } from './worker/control.js';
import { createLegacyMigration } from './worker/legacy.js';
import { createLink } from './worker/link.js';
import { startLiveSweep } from './worker/live-sweep.js';
import { createMedia } from './worker/media.js';
import { createPresence } from './worker/presence.js';
import { createRecord } from './worker/record.js';
import { createRedis } from './worker/redis.js';
import { createRedisGauges } from './worker/redis-gauges.js';
import { createRetention } from './worker/retention.js';
import { createAcsDoor, createEventGridDoor, createSecurityEvents } from './worker/security.js';
import { surviveUncaught } from './worker/survival.js';
import { createVoice } from './worker/voice.js';

const REDIS_WAIT_MS = 5_000;
/** How long an ingress may take to see that this worker is not ready any more, ms. */
const READY_NOTICE_MS = 750;
/** Endpointing is left to ACS's finals; for barge-in a short hangover tells a noise from an interruption. */
const BARGE_IN_HANGOVER_MS = 160;

export interface Worker {
  stop(): Promise<void>;
}

/** Starts a worker. @throws RtvoiceError RTV_PORT_IN_USE and what the parts throw at start. */
export async function startWorker(config: Config): Promise<Worker> {
  const log = createLogger(config.LOG_LEVEL, config.WORKER_ID);
  const metrics = createMetrics(config.WORKER_ID);
  const tracing = startTracing(config.WORKER_ID, config.OTEL_EXPORTER_OTLP_ENDPOINT);
  const dataKey = Buffer.from(config.RTVOICE_DATA_KEY, 'base64');
  const seal = localSeal(dataKey);
  const urlSecret = config.RTVOICE_URL_SECRET
    ? Buffer.from(config.RTVOICE_URL_SECRET)
    : Buffer.from(hkdfSync('sha256', dataKey, Buffer.alloc(0), 'rtvoice url v1', 32));
  const publicUrl = new URL(config.PUBLIC_BASE_URL);
  const socketUrl = `${publicUrl.protocol === 'https:' ? 'wss' : 'ws'}://${publicUrl.host}`;
  /** The addresses that ACS is given for a call: they hold the call's token. */
  const callUrls = (correlationId: string) => {
    const token = mintCallToken(urlSecret, correlationId);
    return {
      callback: `${publicUrl.origin}/acs/callbacks/${token}`,
      media: `${socketUrl}/acs/media/${token}`,
      transcription: `${socketUrl}/acs/transcription/${token}`,
    };
  };

  const gauges = createRedisGauges(metrics);
  const redis = createRedis(config, metrics, gauges, log);
  const keys = redis.keyManager;
  const actors = createActorClient({
    daprHost: config.DAPR_HOST,
    daprHttpPort: config.DAPR_HTTP_PORT,
    daprApiToken: config.DAPR_API_TOKEN,
    traceparent: activeTraceparent,
  });
  const daprState = new DaprState({
    baseUrl: `http://${config.DAPR_HOST}:${config.DAPR_HTTP_PORT}`,
    ...(config.DAPR_API_TOKEN ? { apiToken: config.DAPR_API_TOKEN } : {}),
  });
  const cosmos = await cosmosFrom({
    endpoint: config.COSMOS_ENDPOINT,
    key: config.COSMOS_KEY,
    database: config.COSMOS_DATABASE,
  });
  const acs = createAcs({
    connectionString: config.ACS_CONNECTION_STRING,
    allowInsecure: config.ACS_ALLOW_INSECURE,
  });

  const archive = new DaprArchive({ state: daprState });
  const journal = createJournal(redis, keys);
  const affinity = createAffinity(redis, keys);
  const contexts = new DaprContexts(daprState, keys, seal, {
    saved: () => metrics.contextSaves.add(1, { outcome: 'saved' }),
    saveFailed: () => metrics.contextSaves.add(1, { outcome: 'failed' }),
    unreadable: () => metrics.rules.add(1, { rule: 'unreadable' }),
  });
  const liveIndex = createLiveIndex(redis, keys);
  const record = createRecord({
    ...{ config, cosmos, redis, seal, dataKey, actors, archive, journal, metrics, log },
  });
  const archiver = createArchiver(archive, record.setAside, () => calls, metrics, log);
  const line = createCallLine(acs, log, (callId) => {
    const now = Date.now();
    const fact = { kind: 'reconciled', id: `gone-${now}`, atMs: now, found: 'disconnected' };
    void actors.call(CALL_ACTOR, callId, 'event', { facts: [fact], origin: { correlationId: '' } });
  });
  const calls = createCallHost({
    actors,
    seal,
    journal,
    contexts,
    migrateLegacy: createLegacyMigration(redis, seal, log),
    turns: withHeaders(archiver),
    closing: createClosing({ redis, archive, transcripts: record.transcripts, seal, actors }),
    liveIndex,
    affinity,
    line,
    sendControl: (callId, request, id, correlationId) =>
      sendControl(acs, request, { callId, id, callbackUri: callUrls(correlationId).callback }),
    trace: callTrace,
    profiles: record.profiles,
    metrics,
    log,
  });
  redis.onStateChange((state) => {
    if (state === 'up') calls.redisIsBack();
  });

  const workerUrl = config.WORKER_URL ?? `http://${config.HOST}:${config.APP_PORT}`;
  const texts = await readTexts(config);
  const responder = await createAgent(config, texts, metrics.genAi, log);
  const voice = await createVoice({ config, redis, seal, metrics, texts, phrases: responder.phrases() });
  const activity =
    config.VOICE_ACTIVITY === 'on'
      ? await VoiceActivity.load({ settings: { hangoverMs: BARGE_IN_HANGOVER_MS } })
      : undefined;
  const presence = createPresence({
    name: config.WORKER_ID,
    url: workerUrl,
    redis,
    actors,
    appApiToken: config.APP_API_TOKEN,
    metrics,
    log,
    ready: () => admission.state() === undefined,
    calls: () => media.sessions.size,
    dropAll: () => {
      for (const session of media.sessions.all()) session.abandon();
      calls.host.dropAll();
    },
  });
  const media = createMedia({
    actors,
    link: record.link(createLink(actors, () => presence.id(), workerUrl)),
    maySpeak: () => presence.lease.maySpeak(),
    voice,
    responder,
    texts,
    affinity: {
      add: (callId) => affinity.add(presence.id(), callId),
      remove: (callId) => affinity.release(presence.id(), callId),
    },
    voices: activity,
    trace: callTrace,
    silence: { repromptMs: config.SILENCE_REPROMPT_MS, reprompts: config.SILENCE_REPROMPTS },
    locale: config.SPEECH_LOCALE,
    appApiToken: config.APP_API_TOKEN,
    metrics,
    log,
    hangUp: (callId) => void acs.hangUp(callId, { forEveryone: true }),
  });
  const callbacks = new CallbackQueue(actors, (count) => metrics.events.add(count, { kind: 'dropped' }));
  const claims = createClaims(redis, keys);

  const admission = new Admission({
    limits: {
      calls: config.MAX_CALLS_PER_WORKER,
      eventLoopDelayMs: config.MAX_EVENT_LOOP_DELAY_MS,
      heapMb: config.MAX_HEAP_MB,
    },
    live: media.sessions,
    shedding: () => calls.backlog.shedding,
    metrics,
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
  const pseudonym = (rawId: string): string => seal.pseudonym('subject', rawId);
  const security = createSecurityEvents(metrics, log, record.audit.security);
  const acsDoor = createAcsDoor(
    config,
    new SharedSeenTokens(redis, keys, () => metrics.rules.add(1, { rule: 'tokens_alone' })),
    log,
  );
  const bindings = createCallBindings(redis, keys);
  const doors = createDoors({
    acs: acsDoor.verifier,
    eventGrid: createEventGridDoor(config, log),
    readToken: (token) => readCallToken(urlSecret, token),
    fits: (correlationId, callConnectionId) => bindings.fits(correlationId, callConnectionId),
    security,
  });
  const control = createCallControl({
    actors,
    acs,
    claims,
    index: liveIndex,
    start,
    urls: callUrls,
    pseudonym,
    refusal,
    locale: config.SPEECH_LOCALE,
    traceparent: activeTraceparent,
  });

  const app = publicApp({
    answer: (call) =>
      inSpan('call.incoming', { 'rtvoice.correlation_id': call.correlationId }, undefined, (span) =>
        answerCall(call, traceparentOf(span), {
          acs,
          claims,
          policy: answerPolicy(config.ANSWER_POLICY),
          start,
          pseudonym,
          urls: callUrls,
          locale: config.SPEECH_LOCALE,
          sampleRate: 16_000,
          refusal,
          wallClock: () => Date.now(),
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
      record.routes(publicSide, security);
      const token = config.API_TOKEN;
      if (token) controlApi(publicSide, { token, calls: control, security });
    },
    accept: (facts, correlationId) => callbacks.accept(facts, correlationId),
    health: () =>
      judge({
        ...admissionHealth(admission.state()),
        redis: { status: redis.state === 'up' ? 'pass' : 'warn' },
        backlog: { status: calls.backlog.totalBytes > 0 ? 'warn' : 'pass' },
      }),
    metrics,
    log,
  });

  if (!(await redis.start({ waitMs: REDIS_WAIT_MS }))) {
    log.warn({ code: 'RTV_REDIS_UNAVAILABLE' }, 'starting without Redis: calls will run in memory');
  }
  await voice.warm();
  await presence.start();

  const retention = createRetention({ redis, cosmos, actors, gauges, log });
  const dapr = await startDaprSide({
    host: config.HOST,
    appPort: config.APP_PORT,
    daprHost: config.DAPR_HOST,
    daprHttpPort: config.DAPR_HTTP_PORT,
    appApiToken: config.APP_API_TOKEN,
    actors: [CallActor, SubjectActor, RecordActor, RetentionActor],
    healthy: () => {
      calls.probed();
      return true;
    },
    routes: (daprApp) => {
      // Raw latencies for benches: behind the app token, as everything on this port.
      daprApp.get('/debug/latencies', (_request, response) => {
        response.json(metrics.samples.all());
      });
      daprApp.delete('/debug/latencies', (_request, response) => {
        metrics.samples.clear();
        response.status(204).end();
      });
      // Asked by a worker that lost Redis: whether it is alone with that.
      daprApp.get('/internal/redis', (_request, response) => {
        response.status(redis.state === 'up' ? 204 : 503).end();
      });
      daprApp.post('/internal/calls/:id/heard', express.json(), (request, response) => {
        const taken = media.heardElsewhere(request.params.id, request.body as Heard);
        response.status(taken ? 204 : 404).end();
      });
    },
  });
  const server = createPublicServer(app);
  const sockets = acceptUpgrades(server, {
    doors,
    open: (call, socket) => media.openSocket(call, socket),
  });
  let giveUp: () => void = () => undefined;
  const endSurvival = surviveUncaught({
    log,
    count: (kind) => metrics.uncaught.add(1, { kind }),
    giveUp: () => giveUp(),
  });
  record.start(() => ({
    media_sessions: media.sessions.size,
    backlog_bytes: calls.backlog.totalBytes,
    archive_documents: archiver.stats().documents,
  }));
  retention.start();
  const endSweep = startLiveSweep(liveIndex, actors, (count) => metrics.rules.add(count, { rule: 'woken' }));
  await listen(server, config.PORT, config.HOST);
  log.info({ port: config.PORT, appPort: config.APP_PORT }, 'worker is up');

  giveUp = () => void process.kill(process.pid, 'SIGTERM');
  return {
    async stop() {
      admission.drain();
      log.info({}, 'draining');
      endSweep();
      await retention.stop();
      if (media.sockets() > 0 && presence.others() > 0) {
        // The ingress sees the failed probe first, so that ACS's new sockets go elsewhere.
        await new Promise((resolve) => setTimeout(resolve, READY_NOTICE_MS));
        await media.drain(config.DRAIN_GRACE_MS / 2);
        await line.idle();
      }
      await media.close();
      await presence.stop();
      await callbacks.idle();
      await archiver.drain(config.DRAIN_GRACE_MS / 2);
      await contexts.close();
      sockets.close();
      await closeServer(server);
      acsDoor.stop();
      await dapr.close();
      await archiver.stop();
      await record.stop();
      await voice.close();
      await responder.close?.();
      await activity?.close();
      await actors.close();
      await daprState.close();
      await redis.close();
      acs.close();
      cosmos.close();
      await tracing.shutdown();
      await metrics.shutdown();
      admission.stop();
      endSurvival();
      log.info({}, 'ended');
    },
  };
}

/** At its limit a worker stays ready, since its live calls' events and sockets come through the same ingress. */
const admissionHealth = (refusal: RefusalReason | undefined) => ({
  process: { status: refusal === 'draining' ? 'fail' : 'pass' } as const,
  admission: { status: refusal ? 'warn' : 'pass', ...(refusal ? { output: refusal } : {}) } as const,
});

async function listen(server: Server, port: number, host: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(cause.code === 'EADDRINUSE' ? new RtvoiceError('RTV_PORT_IN_USE', 'PORT', { cause }) : cause);
    });
    server.listen(port, host, resolve);
  });
}

const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), 1_000).unref();
  });

async function main(): Promise<void> {
  const worker = await startWorker(readConfig(process.env));
  const end = (): void => {
    worker.stop().then(
      () => process.exit(0),
      (thrown: unknown) => {
        console.error(messageOf(thrown));
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', end);
  process.once('SIGINT', end);
}

main().catch((thrown: unknown) => {
  console.error(messageOf(thrown));
  process.exit(1);
});
