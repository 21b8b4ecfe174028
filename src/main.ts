/** One worker: reads the configuration, wires the parts, starts the servers, ends cleanly on SIGTERM. */

import { hkdfSync } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import express from 'express';
import { answerCall } from './acs/answering.js';
import { mintCallToken, readCallToken } from './acs/auth/call-token.js';
import { createAcs } from './acs/client.js';
import { CallActor } from './actors/call-actor.js';
import { CALL_ACTOR } from './actors/call-messages.js';
import { createActorClient } from './actors/client.js';
import { startDaprSide } from './actors/dapr-server.js';
import { SubjectActor } from './actors/subject-actor.js';
import { ScriptedResponder } from './agent/scripted.js';
import { type Config, readConfig } from './config.js';
import { messageOf, RtvoiceError } from './errors.js';
import { publicApp } from './http/public-app.js';
import { acceptUpgrades } from './http/upgrades.js';
import type { Heard } from './media/session.js';
import { judge } from './ops/health.js';
import { createLogger } from './ops/log.js';
import { createMetrics } from './ops/metrics.js';
import { activeTraceparent, inSpan, startTracing, traceparentOf } from './ops/tracing.js';
import { localSeal } from './privacy/seal.js';
import { createClaims } from './stores/claims.js';
import { DaprContexts } from './stores/contexts.js';
import { cosmosFrom } from './stores/cosmos/client.js';
import { DaprArchive } from './stores/cosmos/dapr-archive.js';
import { DaprState } from './stores/dapr-state.js';
import { createJournal } from './stores/journal.js';
import { createAffinity, createLiveIndex } from './stores/live-calls.js';
import { createCallHost } from './worker/actors.js';
import { createArchiver } from './worker/archive.js';
import { createCallLine } from './worker/call-line.js';
import { CallbackQueue } from './worker/callbacks.js';
import { createClosing } from './worker/closing.js';
import { createLink } from './worker/link.js';
import { createMedia } from './worker/media.js';
import { createProfiles } from './worker/profiles.js';
import { createRedis } from './worker/redis.js';
import { createVoice } from './worker/voice.js';

const REDIS_WAIT_MS = 5_000;

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
  const readToken = (token: unknown): string | undefined => readCallToken(urlSecret, token);

  const redis = createRedis(config, metrics, log);
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
  const archiver = createArchiver(archive, () => calls, metrics, log);
  const calls = createCallHost({
    actors,
    seal,
    journal,
    contexts,
    turns: archiver,
    closing: createClosing({ redis, journal, archive, seal, actors }),
    liveIndex: createLiveIndex(redis, keys),
    affinity,
    line: createCallLine(acs, log),
    profiles: createProfiles(cosmos, config.SPEECH_LOCALE),
    metrics,
    log,
  });
  redis.onStateChange((state) => {
    if (state === 'up') calls.redisIsBack();
  });

  const workerUrl = config.WORKER_URL ?? `http://${config.HOST}:${config.APP_PORT}`;
  const responder = new ScriptedResponder();
  const voice = createVoice(config, redis, seal, metrics, [...responder.phrases()]);
  const media = createMedia({
    actors,
    link: createLink(actors, config.WORKER_ID, workerUrl),
    voice,
    responder,
    affinity: {
      add: (callId) => affinity.add(config.WORKER_ID, callId),
      remove: (callId) => affinity.release(config.WORKER_ID, callId),
    },
    locale: config.SPEECH_LOCALE,
    appApiToken: config.APP_API_TOKEN,
    metrics,
    log,
    hangUp: (callId) => void acs.hangUp(callId, { forEveryone: true }),
  });
  const callbacks = new CallbackQueue(actors, (count) => metrics.events.add(count, { kind: 'dropped' }));
  const claims = createClaims(redis, keys);

  let draining = false;
  const publicUrl = new URL(config.PUBLIC_BASE_URL);
  const socketUrl = `${publicUrl.protocol === 'https:' ? 'wss' : 'ws'}://${publicUrl.host}`;
  const app = publicApp({
    answer: (call) =>
      inSpan('call.incoming', { 'rtvoice.correlation_id': call.correlationId }, undefined, (span) =>
        answerCall(call, traceparentOf(span), {
          acs,
          claims,
          start: async (callConnectionId, origin) => {
            await actors.call(CALL_ACTOR, callConnectionId, 'start', { origin });
          },
          pseudonym: (rawId) => seal.pseudonym('subject', rawId),
          urls: (correlationId) => {
            const token = mintCallToken(urlSecret, correlationId);
            return {
              callback: `${publicUrl.origin}/acs/callbacks/${token}`,
              media: `${socketUrl}/acs/media/${token}`,
              transcription: `${socketUrl}/acs/transcription/${token}`,
            };
          },
          locale: config.SPEECH_LOCALE,
          sampleRate: 16_000,
          refusal: () => {
            if (draining) return 'RTV_WORKER_DRAINING';
            return calls.backlog.shedding ? 'RTV_WORKER_FULL' : undefined;
          },
          metrics: {
            outcome: (outcome) => metrics.callsAnswered.add(1, { outcome }),
            answerSent: (ms) => metrics.setup.record(ms),
            answered: (ms) => metrics.answered.record(ms),
          },
          now: () => performance.now(),
        }),
      ),
    readToken,
    accept: (facts, correlationId) => callbacks.accept(facts, correlationId),
    health: () =>
      judge({
        process: { status: draining ? 'fail' : 'pass', ...(draining ? { output: 'draining' } : {}) },
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

  const dapr = await startDaprSide({
    host: config.HOST,
    appPort: config.APP_PORT,
    daprHost: config.DAPR_HOST,
    daprHttpPort: config.DAPR_HTTP_PORT,
    appApiToken: config.APP_API_TOKEN,
    actors: [CallActor, SubjectActor],
    healthy: () => true,
    routes: (daprApp) => {
      daprApp.post('/internal/calls/:id/heard', express.json(), (request, response) => {
        const taken = media.heardElsewhere(request.params.id, request.body as Heard);
        response.status(taken ? 204 : 404).end();
      });
    },
  });
  const server = createServer(app);
  const sockets = acceptUpgrades(server, {
    readToken,
    open: (call, socket) => media.openSocket(call, socket),
    refused: (code) => metrics.securityEvents.add(1, { code }),
  });
  await listen(server, config.PORT, config.HOST);
  log.info({ port: config.PORT, appPort: config.APP_PORT }, 'worker is up');

  return {
    async stop() {
      draining = true;
      log.info({}, 'draining');
      await media.close();
      await callbacks.idle();
      await archiver.drain(config.DRAIN_GRACE_MS / 2);
      await contexts.close();
      sockets.close();
      await closeServer(server);
      await dapr.close();
      await archiver.stop();
      await voice.close();
      await actors.close();
      await daprState.close();
      await redis.close();
      acs.close();
      cosmos.close();
      await tracing.shutdown();
      await metrics.shutdown();
      log.info({}, 'ended');
    },
  };
}

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
