import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { ChildSpec } from './child.js';
import type { AppDescription } from './description.js';
import { type DetourTable, via, viaUrl } from './detours.js';
import type { Layout, WorkerPorts } from './layout.js';
import type { StackSecrets } from './secrets.js';
import type { Commands, Environment, Program, RunnerSettings } from './settings.js';

/** All that the command lines and environments of the children depend on. */
export interface Plan {
  readonly root: string;
  readonly stateDir: string;
  readonly logsDir: string;
  readonly env: Environment;
  readonly app: AppDescription;
  readonly settings: RunnerSettings;
  readonly secrets: StackSecrets;
  readonly layout: Layout;
  readonly redis: { readonly host: string; readonly port: number };
  readonly cosmos: { readonly endpoint: string; readonly standin: boolean };
  readonly acs: { readonly endpoint: string; readonly simulator: boolean; readonly controlUrl?: string };
  readonly publicBaseUrl: string;
  readonly frontDoorUrl: string;
  readonly upstreamsFile: string;
  readonly commands: Commands;
  readonly detours?: DetourTable;
}

const LOOPBACK = '127.0.0.1';
/** Audience of the simulator's tokens. */
const SIMULATED_RESOURCE = '5151aced-0000-4000-8000-000000000001';

/** A child of this stack; the environment is the runner's own unless given. */
export function spec(
  plan: Pick<Plan, 'env' | 'root' | 'logsDir'>,
  name: string,
  command: readonly string[],
  env: Environment = plan.env,
): ChildSpec {
  const [program = '', ...args] = command;
  return { name, command: program, args, env, cwd: plan.root, logFile: join(plan.logsDir, `${name}.log`) };
}

function ours(plan: Plan, program: Program, script: string, args: readonly string[]): string[] {
  const replaced = plan.commands[program];
  return [...(replaced ?? [process.execPath, join(plan.root, script)]), ...args];
}

export function cosmosSpec(plan: Plan): ChildSpec {
  const { cosmos } = plan.layout;
  const args = ['--port', String(cosmos), '--data', join(plan.stateDir, 'cosmos')];
  const named = via(plan, 'cosmos', cosmos);
  if (named !== cosmos) args.push('--advertise', String(named));
  return spec(plan, 'cosmos', ours(plan, 'cosmos', 'dist/tools/cosmos/main.js', args));
}

export function simulatorSpec(plan: Plan): ChildSpec {
  const { layout, secrets, stateDir, env } = plan;
  const eventGridSecret = env.EVENT_GRID_SECRET?.split(',')[0]?.trim();
  const args = [
    '--port',
    String(layout.simulator),
    '--access-key',
    secrets.acsAccessKey,
    '--state-dir',
    stateDir,
    ...['--resource-id', SIMULATED_RESOURCE],
    // What Event Grid is told to send with each delivery.
    ...(eventGridSecret ? ['--incoming-header', `x-rtvoice-eventgrid-key: ${eventGridSecret}`] : []),
  ];
  return spec(plan, 'simulator', ours(plan, 'simulator', 'dist/src/simulator/main.js', args));
}

export function frontDoorSpec(plan: Plan): ChildSpec {
  const args = [
    '--host',
    LOOPBACK,
    '--port',
    String(plan.layout.frontDoor),
    '--upstreams',
    plan.upstreamsFile,
  ];
  return spec(plan, 'frontdoor', ours(plan, 'frontdoor', 'dist/src/frontdoor/main.js', args));
}

export function placementSpec(plan: Plan, program: string): ChildSpec {
  const { grpc, health, metrics, raft } = plan.layout.placement;
  // Dapr 1.18.3 knows --healthz-listen-address and ignores it: /healthz of both listens on every address.
  return spec(plan, 'placement', [
    program,
    ...['--id', 'dapr-placement-0', '--initial-cluster', `dapr-placement-0=${LOOPBACK}:${raft}`],
    ...['--port', String(grpc), '--listen-address', LOOPBACK],
    ...['--healthz-port', String(health), '--healthz-listen-address', LOOPBACK],
    ...['--metrics-port', String(metrics), '--metrics-listen-address', LOOPBACK],
  ]);
}

export function schedulerSpec(plan: Plan, program: string): ChildSpec {
  const { grpc, health, metrics, etcdClient, etcdPeer } = plan.layout.scheduler;
  // Sidecars are told where schedulers are, and connect to that.
  const named = via(plan, 'scheduler', grpc);
  return spec(plan, 'scheduler', [
    program,
    ...['--id', 'dapr-scheduler-server-0'],
    ...['--etcd-initial-cluster', `dapr-scheduler-server-0=http://localhost:${etcdPeer}`],
    ...['--etcd-data-dir', join(plan.stateDir, 'scheduler'), '--etcd-client-port', String(etcdClient)],
    ...['--port', String(grpc), '--listen-address', LOOPBACK],
    ...['--healthz-port', String(health), '--healthz-listen-address', LOOPBACK],
    ...['--metrics-port', String(metrics), '--metrics-listen-address', LOOPBACK],
    ...(named === grpc ? [] : ['--override-broadcast-host-port', `${LOOPBACK}:${named}`]),
  ]);
}

/** What app and sidecar of one worker both see: dapr.yaml, then the caller's environment, then what was chosen here. */
export function workerEnv(plan: Plan, ports: WorkerPorts): Record<string, string | undefined> {
  const { app, env, secrets, settings, redis, cosmos, acs } = plan;
  return {
    ...app.env,
    ...withoutEmpty(env),
    HOST: app.env.HOST,
    PORT: String(ports.public),
    WORKER_ID: ports.id,
    WORKER_URL: `http://${LOOPBACK}:${via(plan, `${ports.id}-app`, ports.app)}`,
    PUBLIC_BASE_URL: plan.publicBaseUrl,
    REDIS_HOST: redis.host,
    REDIS_PORT: String(via(plan, 'redis', redis.port, ports.id)),
    REDIS_SSL: (settings.redis && env.REDIS_SSL) || 'false',
    REDIS_PASSWORD: settings.redis ? env.REDIS_PASSWORD : secrets.redisPassword,
    COSMOS_ENDPOINT: viaUrl(plan, 'cosmos', cosmos.endpoint, ports.id),
    COSMOS_KEY: cosmos.standin ? secrets.cosmosKey : env.COSMOS_KEY,
    ACS_CONNECTION_STRING: acs.simulator
      ? `endpoint=${viaUrl(plan, 'simulator', acs.endpoint, ports.id)}/;accesskey=${secrets.acsAccessKey}`
      : env.ACS_CONNECTION_STRING,
    // The simulator signs with its own key; it is the issuer, at its own address.
    ...(acs.simulator
      ? {
          ACS_RESOURCE_ID: SIMULATED_RESOURCE,
          ACS_JWT_ISSUER: acs.endpoint,
          ACS_JWKS_URL: `${acs.endpoint}/calling/keys`,
        }
      : {}),
    API_TOKEN: env.API_TOKEN || secrets.apiToken,
    ACS_ALLOW_INSECURE: acs.simulator ? 'true' : env.ACS_ALLOW_INSECURE || 'false',
    RTVOICE_DATA_KEY: env.RTVOICE_DATA_KEY || secrets.dataKey,
    RTVOICE_URL_SECRET: env.RTVOICE_URL_SECRET || secrets.urlSecret,
    DAPR_API_TOKEN: env.DAPR_API_TOKEN || secrets.daprApiToken,
    APP_API_TOKEN: env.APP_API_TOKEN || secrets.appApiToken,
    // As `dapr run` sets them.
    APP_ID: app.appID,
    APP_PORT: String(ports.app),
    DAPR_HTTP_PORT: String(ports.daprHttp),
    DAPR_GRPC_PORT: String(ports.daprGrpc),
    DAPR_METRICS_PORT: String(ports.metrics),
  };
}

export function workerSpec(plan: Plan, ports: WorkerPorts): ChildSpec {
  const [program = 'node', ...args] = plan.app.command;
  const described = [program === 'node' ? process.execPath : program, ...args];
  const sidecar = via(plan, `${ports.id}-dapr-http`, ports.daprHttp);
  const env = { ...workerEnv(plan, ports), DAPR_HTTP_PORT: String(sidecar) };
  return spec(plan, ports.id, plan.commands.worker ?? described, env);
}

export function daprdSpec(plan: Plan, ports: WorkerPorts, program: string): ChildSpec {
  const { app, settings, layout } = plan;
  const listen = settings.listenAddress;
  const everywhere = listen === '0.0.0.0' || listen === '::';
  const env = {
    // Its share of the cores, as its container's limit would give it: with all of them for each sidecar, the sidecars
    // and the apps keep pushing each other off. Go's own variable, so that it can be set from outside.
    GOMAXPROCS: String(Math.max(1, Math.floor(availableParallelism() / layout.workers.length))),
    ...workerEnv(plan, ports),
    // The address that this sidecar gives to placement, for the others to reach it.
    ...(everywhere ? {} : { DAPR_HOST_IP: plan.detours?.sidecarHosts[ports.id] ?? listen }),
  };
  const appPort = via(plan, `${ports.id}-app-sidecar`, ports.app);
  const placement = via(plan, 'placement', layout.placement.grpc, ports.id);
  const scheduler = via(plan, 'scheduler', layout.scheduler.grpc, ports.id);
  return spec(
    plan,
    `${ports.id}-daprd`,
    [
      program,
      ...['--app-id', app.appID, '--app-port', String(appPort), '--app-protocol', 'http'],
      ...['--app-channel-address', LOOPBACK],
      ...['--dapr-http-port', String(ports.daprHttp), '--dapr-grpc-port', String(ports.daprGrpc)],
      ...['--dapr-listen-addresses', listen],
      ...['--dapr-internal-grpc-port', String(ports.daprInternal)],
      ...['--dapr-internal-grpc-listen-address', listen],
      ...['--metrics-port', String(ports.metrics), '--metrics-listen-address', listen],
      ...['--placement-host-address', `${LOOPBACK}:${placement}`],
      ...['--scheduler-host-address', `${LOOPBACK}:${scheduler}`],
      ...app.resourcesPaths.flatMap((path) => ['--resources-path', path]),
      ...['--config', app.configFilePath],
      ...['--max-body-size', app.maxBodySize],
      '--enable-app-health-check',
      ...['--app-health-check-path', app.appHealthCheckPath],
      ...['--app-health-probe-interval', String(app.appHealthProbeInterval)],
      ...['--app-health-probe-timeout', String(app.appHealthProbeTimeout)],
      ...['--app-health-threshold', String(app.appHealthThreshold)],
      ...['--dapr-block-shutdown-duration', settings.blockShutdown],
      ...['--log-level', app.logLevel],
    ],
    env,
  );
}

/** An empty setting is an unset one: it must not hide what dapr.yaml says. */
function withoutEmpty(env: Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
}
