import { setMaxListeners } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Speech } from './caller/speech.js';
import { FrameClock } from './clock.js';
import { Control } from './control/control.js';
import { readBody, respond, respondJson } from './control/http.js';
import { Callees } from './core/callees.js';
import { endCall } from './core/lifecycle.js';
import { Registry } from './core/registry.js';
import { Stats } from './core/stats.js';
import { Tasks } from './core/tasks.js';
import type { World } from './core/world.js';
import { messageOf, SimError } from './errors.js';
import { Poster } from './events/poster.js';
import { TokenSigner } from './events/tokens.js';
import { FaultPlan } from './faults/plan.js';
import { Chance } from './random.js';
import { AcsError } from './rest/acs-error.js';
import { RestService } from './rest/service.js';
import { DEFAULT_SETTINGS, type SimulatorSettings } from './settings.js';

/** A running simulator. */
export interface Simulator {
  /** Its address: the endpoint of a connection string, and the base of its control API (`/simulator`). */
  readonly url: string;
  readonly connectionString: string;
  readonly jwksUrl: string;
  readonly issuer: string;
  readonly resourceId: string;
  close(): Promise<void>;
}

const CLOSE_PATIENCE_MS = 3000;

/** Starts a simulator in this process. Throws RTV_SIM_PORT_IN_USE. */
export async function startSimulator(
  options: Partial<SimulatorSettings> & Pick<SimulatorSettings, 'accessKey'>,
): Promise<Simulator> {
  const settings: SimulatorSettings = { ...DEFAULT_SETTINGS, ...options };
  const ended = new AbortController();
  // Each wait of each call listens to it.
  setMaxListeners(0, ended.signal);
  let world: World | undefined;
  let rest: RestService | undefined;
  let control: Control | undefined;
  let url = '';
  const server = createServer((request, response) => {
    if (!world || !rest || !control) return respond(response, 503, '');
    handle(world, rest, control, request, response).catch((error: unknown) => {
      respondJson(response, 500, { error: { code: 'InternalServerError', message: messageOf(error) } });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new SimError('RTV_SIM_PORT_IN_USE', `port ${settings.port} is in use`, { cause: error })
          : error,
      ),
    );
    server.listen(settings.port, settings.host, resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : settings.port;
  url = `http://${settings.host === '0.0.0.0' ? '127.0.0.1' : settings.host}:${port}`;
  const issuer = settings.issuer ?? url;
  const stats = new Stats();
  const chance = new Chance(settings.seed);
  world = {
    settings,
    clock: new FrameClock(),
    poster: new Poster(),
    signer: await TokenSigner.create({ issuer, audience: settings.resourceId, stateDir: settings.stateDir }),
    speech: new Speech(),
    registry: new Registry(settings),
    callees: new Callees(),
    stats,
    tasks: new Tasks((name, message) => {
      stats.backgroundErrors += 1;
      stats.lastBackgroundError = `${name}: ${message}`;
    }),
    plan: new FaultPlan(settings.faults, chance.fork('world')),
    chance,
    signal: ended.signal,
  };
  rest = new RestService(world);
  control = new Control(world, () => url);
  const running = world;
  return {
    url,
    connectionString: `endpoint=${url}/;accesskey=${settings.accessKey}`,
    jwksUrl: `${url}/calling/keys`,
    issuer,
    resourceId: settings.resourceId,
    close: async () => {
      ended.abort();
      for (const call of running.registry.all()) endCall(call, 'shut_down', 'simulator');
      running.clock.stop();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const timer = setTimeout(() => server.closeAllConnections(), CLOSE_PATIENCE_MS);
      server.closeIdleConnections();
      await running.tasks.settled();
      server.closeAllConnections();
      await closed;
      clearTimeout(timer);
      await running.speech.close();
      await running.poster.close();
    },
  };
}

async function handle(
  world: World,
  rest: RestService,
  control: Control,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const rawUrl = request.url ?? '/';
  const url = new URL(rawUrl, 'http://simulator.invalid');
  if (url.pathname === '/calling/keys') return respondJson(response, 200, world.signer.keySet());
  if (url.pathname === '/calling/.well-known/acsopenidconfiguration') {
    return respondJson(response, 200, {
      issuer: world.signer.issuer,
      jwks_uri: `http://${request.headers.host ?? ''}/calling/keys`,
      id_token_signing_alg_values_supported: ['RS256'],
    });
  }
  if (url.pathname.startsWith('/simulator')) return control.handle(request, response, url);
  const body = await readBody(request);
  if (body === undefined) {
    const error = new AcsError(413, 'RequestTooLarge', 'The body is too large.');
    return respond(response, 413, error.body(), { 'content-type': 'application/json', connection: 'close' });
  }
  const answer = await rest.handle({
    method: request.method ?? 'GET',
    url: rawUrl,
    headers: request.headers,
    body,
  });
  respond(response, answer.status, answer.body, answer.headers);
}
