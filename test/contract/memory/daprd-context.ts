import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { endChild } from '../../support/cosmos-target.js';
import { freePort, type RedisServer, until } from '../../support/redis-servers.js';

export interface ContextSidecar {
  readonly url: string;
  readonly apiToken: string;
  stop(): Promise<void>;
}

const COMPONENTS = path.resolve(import.meta.dirname, '../../../components/local');

/** daprd with the project's own context component on a Redis: no app, no placement, no scheduler. */
export async function startContextSidecar(redis: Pick<RedisServer, 'port'>): Promise<ContextSidecar> {
  const resources = await mkdtemp(path.join(tmpdir(), 'rtvoice-daprd-'));
  for (const name of ['context.yaml', 'env.yaml']) {
    await copyFile(path.join(COMPONENTS, name), path.join(resources, name));
  }
  const apiToken = 'context-test-token';
  const [http, grpc, internal, metrics] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const child = spawn(
    path.join(daprFolder(), 'daprd'),
    [
      ...['--app-id', 'rtvoice-worker', '--resources-path', resources],
      ...['--dapr-http-port', String(http), '--dapr-grpc-port', String(grpc)],
      ...['--dapr-internal-grpc-port', String(internal), '--dapr-internal-grpc-listen-address', '127.0.0.1'],
      ...['--dapr-listen-addresses', '127.0.0.1', '--metrics-port', String(metrics)],
      ...['--metrics-listen-address', '127.0.0.1', '--log-level', 'error'],
    ],
    {
      stdio: 'ignore',
      env: {
        ...process.env,
        ...{ REDIS_HOST: '127.0.0.1', REDIS_PORT: String(redis.port), REDIS_SSL: 'false' },
        ...{ REDIS_USERNAME: '', REDIS_PASSWORD: '', DAPR_API_TOKEN: apiToken },
      },
    },
  );
  const url = `http://127.0.0.1:${http}`;
  const stop = async (): Promise<void> => {
    await endChild(child);
    await rm(resources, { recursive: true, force: true });
  };
  try {
    await until('daprd', async () => {
      if (child.exitCode !== null) throw new Error(`daprd ended with ${child.exitCode}`);
      const answer = await fetch(`${url}/v1.0/healthz`, { headers: { 'dapr-api-token': apiToken } }).catch(
        () => undefined,
      );
      return answer?.ok === true;
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, apiToken, stop };
}

function daprFolder(): string {
  const cache = path.join(homedir(), '.cache', 'rtvoice');
  const built = existsSync(cache) ? readdirSync(cache).filter((name) => name.startsWith('dapr-')) : [];
  const candidates = [
    ...(process.env.RTVOICE_DAPR_BIN ? [process.env.RTVOICE_DAPR_BIN] : []),
    ...built.sort().map((name) => path.join(cache, name)),
    path.join(homedir(), '.dapr', 'bin'),
  ];
  const found = candidates.find((folder) => existsSync(path.join(folder, 'daprd')));
  if (!found) throw new Error('daprd not found: run `npm start` once, or set RTVOICE_DAPR_BIN');
  return found;
}
