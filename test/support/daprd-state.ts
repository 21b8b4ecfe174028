import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { endChild, freePort, STANDIN_KEY, until } from './cosmos-target.js';

export interface StateSidecar {
  readonly url: string;
  readonly apiToken: string;
  stop(): Promise<void>;
}

/** daprd with the transcripts component alone: no app, no placement, no scheduler. */
export async function startStateSidecar(cosmosUrl: string): Promise<StateSidecar> {
  const resources = await mkdtemp(path.join(tmpdir(), 'rtvoice-daprd-'));
  await writeFile(path.join(resources, 'transcripts.yaml'), component(cosmosUrl));
  const [http, grpc, internal, metrics] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const apiToken = 'state-test-token';
  const child = spawn(
    daprdPath(),
    [
      ...['--app-id', 'rtvoice-state-test', '--resources-path', resources],
      ...['--dapr-http-port', String(http), '--dapr-grpc-port', String(grpc)],
      ...['--dapr-internal-grpc-port', String(internal), '--dapr-internal-grpc-listen-address', '127.0.0.1'],
      ...['--dapr-listen-addresses', '127.0.0.1', '--metrics-port', String(metrics)],
      ...['--metrics-listen-address', '127.0.0.1', '--log-level', 'error'],
    ],
    { stdio: ['ignore', 'ignore', 'ignore'], env: { ...process.env, DAPR_API_TOKEN: apiToken } },
  );
  const url = `http://127.0.0.1:${http}`;
  const stop = async (): Promise<void> => {
    await endChild(child);
    await rm(resources, { recursive: true, force: true });
  };
  try {
    await until(
      async () => (await fetch(`${url}/v1.0/healthz`, { headers: { 'dapr-api-token': apiToken } })).ok,
      30_000,
      'daprd',
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, apiToken, stop };
}

function daprdPath(): string {
  const cache = path.join(homedir(), '.cache', 'rtvoice');
  const built = existsSync(cache) ? readdirSync(cache).filter((name) => name.startsWith('dapr-')) : [];
  const candidates = [
    ...(process.env.RTVOICE_DAPR_BIN === undefined ? [] : [process.env.RTVOICE_DAPR_BIN]),
    ...built.sort().map((name) => path.join(cache, name)),
    path.join(homedir(), '.dapr', 'bin'),
  ];
  for (const dir of candidates) if (existsSync(path.join(dir, 'daprd'))) return path.join(dir, 'daprd');
  throw new Error(
    'daprd not found: run `npm start` once, or set RTVOICE_DAPR_BIN to the folder that holds it',
  );
}

function component(cosmosUrl: string): string {
  const values = {
    url: cosmosUrl,
    masterKey: STANDIN_KEY,
    database: 'rtvoice',
    collection: 'transcripts',
    keyPrefix: 'none',
  };
  const metadata = Object.entries(values).map(
    ([name, value]) => `    - name: ${name}\n      value: "${value}"`,
  );
  return `apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: transcripts
spec:
  type: state.azure.cosmosdb
  version: v1
  metadata:
${metadata.join('\n')}
`;
}
