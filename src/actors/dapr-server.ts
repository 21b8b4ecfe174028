/**
 * The Dapr side of a worker: the SDK's actor server on Express 5, with its traps closed (facts about Dapr): our own
 * /healthz, the app token checked on every request, DELETE of an unknown actor answered 200, one bind address.
 */
import { createServer, type Server } from 'node:http';
import { type AbstractActor, CommunicationProtocolEnum, DaprServer, LogLevel } from '@dapr/dapr';
import ActorRuntime from '@dapr/dapr/actors/runtime/ActorRuntime.js';
import express, { type Express } from 'express';
import { RtvoiceError } from '../errors.js';

type ActorClass = Parameters<DaprServer['actor']['registerActor']>[0] &
  (new (
    ...args: never[]
  ) => AbstractActor);

export interface DaprSideOptions {
  readonly host: string;
  readonly appPort: number;
  readonly daprHost: string;
  readonly daprHttpPort: number;
  readonly appApiToken: string | undefined;
  readonly actors: readonly ActorClass[];
  /** Answer to Dapr's health probe; called once a second. */
  healthy(): boolean;
  /** Routes of our own, behind the same token (worker to worker). */
  routes(app: Express): void;
}

export interface DaprSide {
  close(): Promise<void>;
}

const IDLE_TIMEOUT = '30s';
/** Below placement's own limit; methods are short, and safe to run twice. */
const DRAIN_TIMEOUT = '5s';
const TOKEN_HEADER = 'dapr-api-token';

export async function startDaprSide(options: DaprSideOptions): Promise<DaprSide> {
  const app = express();
  app.disable('x-powered-by');
  const server = createServer(app);
  server.keepAliveTimeout = 60_000;

  app.get('/healthz', (_request, response) => {
    response.status(options.healthy() ? 200 : 503).end();
  });
  app.use((request, response, next) => {
    const token = options.appApiToken;
    if (token !== undefined && request.headers[TOKEN_HEADER] !== token) response.status(401).end();
    else next();
  });
  // The SDK throws for an actor it does not know; Dapr means "make sure it is gone".
  app.delete('/actors/:type/:id', async (request, response) => {
    const { type, id } = request.params;
    await ActorRuntime.default
      .getInstanceByDaprClient(dapr.client)
      .deactivate(type, id)
      .catch(() => undefined);
    response.status(200).end();
  });
  options.routes(app);

  // The SDK takes an Express app and listens on all addresses; this way it listens where we say.
  Object.assign(app, { listen: (port: number) => server.listen(port, options.host) });
  const dapr = new DaprServer({
    serverHttp: app as unknown as NonNullable<ConstructorParameters<typeof DaprServer>[0]>['serverHttp'] &
      object,
    serverPort: String(options.appPort),
    communicationProtocol: CommunicationProtocolEnum.HTTP,
    logger: { level: LogLevel.Warn },
    clientOptions: {
      daprHost: options.daprHost,
      daprPort: String(options.daprHttpPort),
      communicationProtocol: CommunicationProtocolEnum.HTTP,
      actor: {
        actorIdleTimeout: IDLE_TIMEOUT,
        drainOngoingCallTimeout: DRAIN_TIMEOUT,
        drainRebalancedActors: true,
      },
    },
  });
  await dapr.actor.init();
  for (const actor of options.actors) await dapr.actor.registerActor(actor);
  await listening(server, dapr);
  return { close: () => closeServer(server) };
}

async function listening(server: Server, dapr: DaprServer): Promise<void> {
  const failed = new Promise<never>((_, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(
        cause.code === 'EADDRINUSE' ? new RtvoiceError('RTV_PORT_IN_USE', 'APP_PORT', { cause }) : cause,
      );
    });
  });
  const up = new Promise<void>((resolve) => server.once('listening', () => resolve()));
  // start() also waits for the sidecar, which in turn waits for this server: neither waits for the other here.
  const started = dapr.start();
  started.catch(() => undefined);
  await Promise.race([up, failed]);
}

const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), 1_000).unref();
  });
