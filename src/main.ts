/** One worker: reads the configuration, wires the parts, starts the servers, ends cleanly on SIGTERM. */
import { CallActor } from './actors/call-actor.js';
import { startDaprSide } from './actors/dapr-server.js';
import { RecordActor } from './actors/record-actor.js';
import { RetentionActor } from './actors/retention-actor.js';
import { SubjectActor } from './actors/subject-actor.js';
import { type Config, readConfig } from './config.js';
import { messageOf } from './errors.js';
import { closeServer, listen } from './http/server.js';
import { createLogger } from './ops/log.js';
import { createMetrics } from './ops/metrics.js';
import { startTracing } from './ops/tracing.js';
import { Admission } from './worker/admission.js';
import { appPortRoutes } from './worker/app-port.js';
import { openBacking } from './worker/backing.js';
import { callAddresses } from './worker/call-urls.js';
import { CallbackQueue } from './worker/callbacks.js';
import { Drain } from './worker/drain.js';
import { startLiveSweep } from './worker/live-sweep.js';
import { createMediaWorker } from './worker/media-worker.js';
import { moveCalls } from './worker/move-calls.js';
import { createOwner } from './worker/owner.js';
import { PlacementSeat } from './worker/placement.js';
import { createPublicSide } from './worker/public-side.js';
import { createRetention } from './worker/retention.js';
import { surviveUncaught } from './worker/survival.js';

const REDIS_WAIT_MS = 5_000;

export interface Worker {
  stop(): Promise<void>;
}

/** Starts a worker. @throws RtvoiceError RTV_PORT_IN_USE and what the parts throw at start. */
export async function startWorker(config: Config): Promise<Worker> {
  const log = createLogger(config.LOG_LEVEL, config.WORKER_ID);
  const metrics = createMetrics(config.WORKER_ID);
  const tracing = startTracing(config.WORKER_ID, config.OTEL_EXPORTER_OTLP_ENDPOINT);
  const backing = await openBacking(config, metrics, log);
  const { redis, actors, contexts, liveIndex } = backing;

  const addresses = callAddresses(config, backing.dataKey);
  const owner = createOwner(backing, addresses);
  const { record, archiver, erasures, line, calls } = owner;
  const mediaWorker = await createMediaWorker(backing, {
    withProfiles: (link) => record.link(link),
    ready: () => admission.state() === undefined,
    dropActors: () => void calls.host.dropAll(),
  });
  const { media, presence, turns } = mediaWorker;
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
  const callbacks = new CallbackQueue(actors, (count) => metrics.events.add(count, { kind: 'dropped' }));
  const seat = new PlacementSeat({
    daprHost: config.DAPR_HOST,
    daprHttpPort: config.DAPR_HTTP_PORT,
    daprApiToken: config.DAPR_API_TOKEN,
  });
  const drain = new Drain({
    refuseCalls: () => admission.drain(),
    async endDuties() {
      endSweep();
      erasures.stop();
      await retention.stop();
    },
    others: () => presence.others(),
    sockets: () => media.sockets(),
    moveCalls: (leftMs) =>
      moveCalls(media.movable, {
        leftMs,
        hasRoom: () => presence.othersHaveRoom(),
        moved: (what) => metrics.movedCalls.add(1, { what }),
      }),
    acsIdle: () => line.idle(),
    closeMedia() {
      publicSide.closeSockets();
      return media.close();
    },
    resign: () => presence.stop(),
    callbacksIdle: () => callbacks.idle(),
    async archive(graceMs) {
      await archiver.drain(graceMs);
    },
    saveContexts: () => contexts.flushAll(),
    leavePlacement: (patienceMs) => seat.leave(patienceMs),
    dropActors: () => void calls.host.dropAll(),
    log,
  });
  let end: () => void = () => undefined;
  const publicSide = createPublicSide(backing, {
    ...{ addresses, owner, media, turns, admission, callbacks },
    drain: {
      progress: () => ({
        worker: config.WORKER_ID,
        state: drain.state,
        calls: media.sessions.size,
        actors: calls.host.size,
      }),
      drain(ends) {
        if (ends) end();
        else drain.start();
      },
    },
  });

  if (!(await redis.start({ waitMs: REDIS_WAIT_MS }))) {
    log.warn({ code: 'RTV_REDIS_UNAVAILABLE' }, 'starting without Redis: calls will run in memory');
  }
  await mediaWorker.start();

  const retention = createRetention(backing);
  const dapr = await startDaprSide({
    host: config.HOST,
    appPort: config.APP_PORT,
    daprHost: config.DAPR_HOST,
    daprHttpPort: config.DAPR_HTTP_PORT,
    appApiToken: config.APP_API_TOKEN,
    actors: [CallActor, SubjectActor, RecordActor, RetentionActor],
    healthy: () => {
      calls.probed();
      return seat.healthy;
    },
    routes: appPortRoutes({
      ...{ metrics, beats: presence.beats },
      ...{ heardElsewhere: media.heardElsewhere, hold: media.hold },
    }),
  });
  const endSurvival = surviveUncaught({
    log,
    count: (kind) => metrics.uncaught.add(1, { kind }),
    giveUp: () => end(),
  });
  record.start(() => ({
    media_sessions: media.sessions.size,
    backlog_bytes: calls.backlog.totalBytes,
    archive_documents: archiver.stats().documents,
  }));
  retention.start();
  erasures.start();
  const endSweep = startLiveSweep(
    liveIndex,
    actors,
    (count) => metrics.rules.add(count, { rule: 'woken' }),
    config.CALL_REMINDER_S,
  );
  await listen(publicSide.server, config.PORT, config.HOST);
  log.info({ port: config.PORT, appPort: config.APP_PORT }, 'worker is up');

  end = () => void process.kill(process.pid, 'SIGTERM');
  return {
    async stop() {
      await drain.finish(config.DRAIN_GRACE_MS);
      await contexts.close();
      publicSide.closeSockets();
      await closeServer(publicSide.server);
      publicSide.stop();
      await dapr.close();
      await archiver.stop();
      await record.stop();
      await mediaWorker.close();
      await backing.close();
      await tracing.shutdown();
      await metrics.shutdown();
      admission.stop();
      endSurvival();
      log.info({}, 'ended');
    },
  };
}

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
