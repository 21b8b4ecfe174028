import { StackError } from './error.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Settings of the runner itself; the workers' are in src/config.ts. `.env.example` lists both. */
export const runnerSettingNames = [
  'RTVOICE_STATE_DIR',
  'RTVOICE_DAPR_BIN',
  'FRONT_DOOR_PORT',
  'DAPR_LISTEN_ADDRESS',
  'DAPR_BLOCK_SHUTDOWN_DURATION',
] as const;

export interface RunnerSettings {
  /** Where the sidecars' APIs and metrics listen. */
  readonly listenAddress: string;
  /** How long a sidecar told to end waits for its app to finish, e.g. 25s. */
  readonly blockShutdown: string;
  /** How long a worker told to end may take, ms. */
  readonly drainMs: number;
  readonly frontDoorPort: number | undefined;
  readonly redis: { readonly host: string; readonly port: number } | undefined;
  readonly cosmosEndpoint: string | undefined;
  readonly acsConnectionString: string | undefined;
}

const DEFAULT_DRAIN_MS = 20_000;

/** @throws StackError RTV_STACK_SETTING_MISSING or RTV_STACK_ARGUMENTS for a value that cannot be. */
export function readRunnerSettings(env: Environment): RunnerSettings {
  const drainMs = Number(env.DRAIN_GRACE_MS || DEFAULT_DRAIN_MS);
  if (!(drainMs > 0))
    throw new StackError('RTV_STACK_ARGUMENTS', 'DRAIN_GRACE_MS must be a number of milliseconds');
  if (env.COSMOS_ENDPOINT && !env.COSMOS_KEY) {
    throw new StackError('RTV_STACK_SETTING_MISSING', 'COSMOS_ENDPOINT is set, so COSMOS_KEY is needed too.');
  }
  return {
    listenAddress: env.DAPR_LISTEN_ADDRESS || '127.0.0.1',
    blockShutdown: env.DAPR_BLOCK_SHUTDOWN_DURATION || '25s',
    drainMs,
    frontDoorPort: env.FRONT_DOOR_PORT ? portOf(env.FRONT_DOOR_PORT, 'FRONT_DOOR_PORT') : undefined,
    redis: env.REDIS_HOST
      ? { host: env.REDIS_HOST, port: portOf(env.REDIS_PORT || '6379', 'REDIS_PORT') }
      : undefined,
    cosmosEndpoint: env.COSMOS_ENDPOINT || undefined,
    acsConnectionString: env.ACS_CONNECTION_STRING || undefined,
  };
}

function portOf(text: string, setting: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port <= 65_535) return port;
  throw new StackError('RTV_STACK_ARGUMENTS', `${setting}=${text} is no port`);
}

/** The endpoint of an ACS connection string, without a slash at its end. */
export function acsEndpointOf(connectionString: string): string {
  return (/endpoint=([^;]+)/i.exec(connectionString)?.[1] ?? '').replace(/\/+$/, '');
}

/** The part of a URL that is safe to use where a port is looked for. */
export function portOfUrl(url: string): number {
  const { port, protocol } = new URL(url);
  return Number(port || (protocol === 'https:' ? 443 : 80));
}

/** Commands of our own programs, to run others in their place in tests of the runner. */
export type Program = 'worker' | 'simulator' | 'cosmos' | 'frontdoor';
export type Commands = Partial<Record<Program, readonly [string, ...string[]]>>;
