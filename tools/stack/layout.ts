import type { AppDescription } from './description.js';
import type { PortBook } from './ports.js';
import { portOfUrl, type RunnerSettings } from './settings.js';

/** Ports of one worker and its sidecar. */
export interface WorkerPorts {
  readonly id: string;
  readonly public: number;
  readonly app: number;
  readonly daprHttp: number;
  readonly daprGrpc: number;
  readonly daprInternal: number;
  readonly metrics: number;
}

/** Ports of the whole stack; those of parts that somebody else runs are 0. */
export interface Layout {
  readonly frontDoor: number;
  readonly redis: number;
  readonly cosmos: number;
  readonly simulator: number;
  readonly placement: {
    readonly grpc: number;
    readonly health: number;
    readonly metrics: number;
    readonly raft: number;
  };
  readonly scheduler: {
    readonly grpc: number;
    readonly health: number;
    readonly metrics: number;
    readonly etcdClient: number;
    readonly etcdPeer: number;
  };
  readonly workers: readonly WorkerPorts[];
  /** All of them by name, for stack.json. */
  readonly byName: Readonly<Record<string, number>>;
}

/**
 * Chooses every port: the one of the last start if it is free, else that of dapr.yaml (a replica's is the
 * base plus its number), else the next free one.
 */
export async function layOut(
  app: AppDescription,
  workers: number,
  settings: RunnerSettings,
  book: PortBook,
  last: Readonly<Record<string, number>> = {},
): Promise<Layout> {
  const byName: Record<string, number> = {};
  const take = async (name: string, preferred: number): Promise<number> => {
    const port = await book.take(last[name], preferred);
    byName[name] = port;
    return port;
  };
  const hostPort = (address: string): number => Number(address.slice(address.lastIndexOf(':') + 1));

  const frontDoor =
    settings.frontDoorPort === undefined
      ? await take('frontdoor', portOfUrl(app.env.PUBLIC_BASE_URL ?? 'http://127.0.0.1:8080'))
      : await book.takeExactly(settings.frontDoorPort, 'FRONT_DOOR_PORT');
  byName.frontdoor = frontDoor;
  const redis = settings.redis ? 0 : await take('redis', Number(app.env.REDIS_PORT ?? 6379));
  const cosmos = settings.cosmosEndpoint
    ? 0
    : await take('cosmos', portOfUrl(app.env.COSMOS_ENDPOINT ?? 'http://127.0.0.1:8081'));
  const simulator = settings.acsConnectionString ? 0 : await take('simulator', 8089);
  const placement = {
    grpc: await take('placement', hostPort(app.placementHostAddress)),
    health: await take('placement-health', 8091),
    metrics: await take('placement-metrics', 9091),
    raft: await take('placement-raft', 8201),
  };
  const scheduler = {
    grpc: await take('scheduler', hostPort(app.schedulerHostAddress)),
    health: await take('scheduler-health', 8092),
    metrics: await take('scheduler-metrics', 9092),
    etcdClient: await take('scheduler-etcd', 2379),
    etcdPeer: await take('scheduler-etcd-peer', 2380),
  };
  const replicas: WorkerPorts[] = [];
  for (let number = 1; number <= workers; number += 1) {
    const id = `worker-${number}`;
    replicas.push({
      id,
      public: await take(`${id}-public`, Number(app.env.PORT ?? 8080) + 100 + number),
      app: await take(`${id}-app`, app.appPort + number),
      daprHttp: await take(`${id}-dapr-http`, app.daprHTTPPort + number),
      daprGrpc: await take(`${id}-dapr-grpc`, app.daprGRPCPort + number),
      daprInternal: await take(`${id}-dapr-internal`, app.daprInternalGRPCPort + number),
      metrics: await take(`${id}-dapr-metrics`, app.metricsPort + number),
    });
  }
  return { frontDoor, redis, cosmos, simulator, placement, scheduler, workers: replicas, byName };
}
