/** What a worker stands on: the clients of Redis, Dapr, Cosmos DB and ACS, and the stores over them. */
import { createAcs } from '../acs/client.js';
import { createActorClient } from '../actors/client.js';
import type { Config } from '../config.js';
import type { Logger } from '../ops/log.js';
import type { Metrics } from '../ops/metrics.js';
import { activeTraceparent } from '../ops/tracing.js';
import { localSeal } from '../privacy/seal.js';
import { createContextAside } from '../stores/context-aside.js';
import { DaprContexts } from '../stores/contexts.js';
import { cosmosFrom } from '../stores/cosmos/client.js';
import { DaprArchive } from '../stores/cosmos/dapr-archive.js';
import { DaprState } from '../stores/dapr-state.js';
import { createJournal } from '../stores/journal.js';
import { createAffinity, createLiveIndex } from '../stores/live-calls.js';
import { contextMetrics } from './context-metrics.js';
import { createPeers } from './peers.js';
import { createRedis } from './redis.js';
import { createRedisGauges } from './redis-gauges.js';

export type Backing = Awaited<ReturnType<typeof openBacking>>;

/** Nothing is connected yet but Cosmos DB's client, which reads its account. @throws what the clients throw at start */
export async function openBacking(config: Config, metrics: Metrics, log: Logger) {
  const dataKey = Buffer.from(config.RTVOICE_DATA_KEY, 'base64');
  const seal = localSeal(dataKey);
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
  const peers = createPeers(config.APP_API_TOKEN);
  const acs = createAcs({
    connectionString: config.ACS_CONNECTION_STRING,
    allowInsecure: config.ACS_ALLOW_INSECURE,
  });
  const contexts = new DaprContexts(
    daprState,
    keys,
    seal,
    createContextAside(redis, keys),
    contextMetrics(metrics, log),
  );

  return {
    ...{ config, metrics, log, dataKey, seal, redis, gauges, keys, actors, cosmos, acs, contexts },
    peers,
    archive: new DaprArchive({ state: daprState }),
    journal: createJournal(redis, keys),
    affinity: createAffinity(redis, keys),
    liveIndex: createLiveIndex(redis, keys),
    /** Address at which other workers reach this one. */
    workerUrl: config.WORKER_URL ?? `http://${config.HOST}:${config.APP_PORT}`,
    /** Last, once nothing reads or writes any more. */
    async close(): Promise<void> {
      await peers.close();
      await actors.close();
      await daprState.close();
      await redis.close();
      acs.close();
      cosmos.close();
    },
  };
}
