/**
 * The permanent tier of a worker, put together: transcripts' ends, profiles, analytics and their daily roll-ups, audit
 * log, snapshots of metrics, the reading API.
 */
import type { Express } from 'express';
import { revealTranscript } from '../actors/call-record.js';
import type { ActorClient } from '../actors/client.js';
import { ActorHost } from '../actors/host.js';
import type { Journal } from '../actors/ports.js';
import {
  hostRecordActors,
  RECORD_ACTOR,
  RECORD_ACTOR_ID,
  RecordInstance,
  recordMethods,
} from '../actors/record-actor.js';
import type { Config } from '../config.js';
import { messageOf } from '../errors.js';
import type { SecurityEvents } from '../http/authenticate.js';
import { readingApi } from '../http/reading-api.js';
import type { CallLink } from '../media/ports.js';
import type { Logger } from '../ops/log.js';
import type { Metrics } from '../ops/metrics.js';
import type { TurnRing } from '../ops/turn-ring.js';
import type { Seal } from '../privacy/seal.js';
import { Analytics } from '../record/analytics.js';
import type { TranscriptArchive } from '../record/archive-port.js';
import { AsideStore } from '../record/aside.js';
import type { TokenPrices } from '../record/call-analytics.js';
import { DailyRollUps } from '../record/daily.js';
import { moodByWords } from '../record/mood.js';
import { ProfileStore } from '../record/profiles.js';
import { RecordReader } from '../record/reader.js';
import { SystemMetrics } from '../record/system-metrics.js';
import type { Cosmos } from '../stores/cosmos/client.js';
import { CosmosArchive } from '../stores/cosmos/cosmos-archive.js';
import { CosmosRecords } from '../stores/cosmos/record-container.js';
import type { RedisManager } from '../stores/redis/manager.js';
import { createAudit } from './audit.js';
import { linkWithMoods } from './moods.js';
import { ProfileCache } from './profile-cache.js';
import { createProfiles, linkWithProfiles } from './profiles.js';
import { createSetAside } from './set-aside.js';
import { startSnapshots } from './snapshots.js';
import { createTranscriptClosing } from './transcript-closing.js';

export interface RecordParts {
  readonly config: Config;
  readonly cosmos: Cosmos;
  readonly redis: RedisManager;
  readonly seal: Seal;
  readonly dataKey: Buffer;
  readonly actors: ActorClient;
  readonly archive: TranscriptArchive;
  readonly journal: Journal;
  readonly metrics: Metrics;
  readonly log: Logger;
}

const REMINDER = 'daily';
/** Each run makes up for what the ones before missed; today's figures are as old at most, s. */
const PERIOD_S = 3_600;
/** A restart puts the reminder off by a period, so each start runs once by itself, ms. */
const FIRST_RUN_MS = 30_000;
const REGISTER_AGAIN_MS = 5_000;
/** Snapshots are kept for two yearly reviews. */
const SNAPSHOT_TTL_S = 2 * 366 * 86_400;

export function createRecord(parts: RecordParts) {
  const { config, cosmos, redis, seal, actors, metrics, log } = parts;
  const analyticsItems = new CosmosRecords(cosmos, 'analytics');
  const analytics = new Analytics(analyticsItems);
  const daily = new DailyRollUps(analyticsItems, analytics);
  const store = new ProfileStore({ container: new CosmosRecords(cosmos, 'profiles') });
  const reader = new CosmosArchive(cosmos);
  const cache = new ProfileCache({
    redis,
    seal,
    load: (subjectId) => store.get(subjectId),
    log,
    measured: (ms, from) => metrics.profileRead.record(ms, { from }),
  });
  const audit = createAudit({
    container: new CosmosRecords(cosmos, 'audit'),
    dataKey: parts.dataKey,
    workerId: config.WORKER_ID,
    log,
    takeDigest: () => redis.takeAuditDigest(),
    lost: (count) => metrics.auditLost.add(count),
  });

  const aside = new AsideStore(new CosmosRecords(cosmos, 'aside'));
  const setAside = createSetAside({ aside, audit, metrics, log });

  let running: Promise<void> | undefined;
  let stopped = false;
  const runDaily = (): boolean => {
    if (running || stopped) return false;
    running = daily
      .run(Date.now())
      .then(({ made, again }) => {
        if (made.length + again.length > 0)
          log.info({ made: made.length, again: again.length }, 'days rolled up');
      })
      .catch((thrown: unknown) => {
        log.warn(
          { code: 'RTV_COSMOS_UNAVAILABLE', error: messageOf(thrown) },
          'no daily roll-up, tried again',
        );
      })
      .finally(() => {
        running = undefined;
      });
    return true;
  };
  const host = new ActorHost(
    RECORD_ACTOR,
    (id) => new RecordInstance(id, { start: runDaily }),
    recordMethods,
    log,
  );
  hostRecordActors(host);

  const timers = new Set<NodeJS.Timeout>();
  const later = (ms: number, run: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      run();
    }, ms).unref();
    timers.add(timer);
  };
  const remind = async (): Promise<void> => {
    if (await actors.registerReminder(RECORD_ACTOR, RECORD_ACTOR_ID, REMINDER, PERIOD_S)) return;
    if (!stopped) later(REGISTER_AGAIN_MS, () => void remind());
  };
  let endSnapshots: (() => Promise<void>) | undefined;

  return {
    audit,
    cache,
    setAside,
    transcripts: createTranscriptClosing({
      journal: parts.journal,
      archive: parts.archive,
      reader,
      aside,
      setAside,
      analytics,
      daily,
      log,
      prices: pricesOf(config),
      closed: (state) => metrics.transcriptsClosed.add(1, { state }),
    }),
    profiles: createProfiles({ store, cache, seal, language: config.SPEECH_LOCALE }),
    /** The media worker's line to the actor: with the caller's profile in what an attachment brings, with moods. */
    link(link: CallLink): CallLink {
      const known = linkWithProfiles(link, cache, seal);
      return config.SENTIMENT === 'off' ? known : linkWithMoods(known, moodByWords(config.SPEECH_LOCALE));
    },
    /** A call was answered: its caller's profile is fetched before its audio comes. */
    warm(subjectId: string | undefined): void {
      if (subjectId !== undefined) cache.warm(subjectId);
    },
    /** The reading API; before whatever takes all of /api. */
    routes(app: Express, security: SecurityEvents, turns: TurnRing): void {
      readingApi(app, {
        reader: new RecordReader({
          archive: reader,
          profiles: store,
          aside,
          analytics,
          open: ({ sessionId, turnId, transcript }) => revealTranscript(seal, sessionId, turnId, transcript),
        }),
        readToken: config.READ_TOKEN,
        adminToken: config.API_TOKEN,
        audit: (access) => audit.record(access),
        security,
        turns,
      });
    },
    /** Once the stores are up. @param own what this worker knows of itself, for the snapshots */
    start(own: () => Readonly<Record<string, number>>): void {
      audit.configured(config);
      endSnapshots = startSnapshots({
        redis,
        metrics: new SystemMetrics(new CosmosRecords(cosmos, 'metrics'), SNAPSHOT_TTL_S),
        workerId: config.WORKER_ID,
        log,
        own: () => ({ rss_bytes: process.memoryUsage.rss(), redis_utilisation: redis.utilisation, ...own() }),
      });
      void remind();
      later(FIRST_RUN_MS, () => void actors.call(RECORD_ACTOR, RECORD_ACTOR_ID, 'daily', {}));
    },
    /** Before Redis and Cosmos are closed. */
    async stop(): Promise<void> {
      stopped = true;
      for (const timer of timers) clearTimeout(timer);
      await endSnapshots?.();
      await running;
      await audit.stop();
    },
  };
}

function pricesOf({ AGENT_PRICE_IN, AGENT_PRICE_OUT }: Config): TokenPrices | undefined {
  if (AGENT_PRICE_IN === undefined || AGENT_PRICE_OUT === undefined) return undefined;
  return { in: AGENT_PRICE_IN, out: AGENT_PRICE_OUT };
}
