import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A key of the right form for a stand-in; it opens nothing else. */
export const STANDIN_KEY = Buffer.from('rtvoice-local-development-key-only').toString('base64');

export interface CosmosTarget {
  readonly url: string;
  stop(): Promise<void>;
}

const MAIN = path.resolve(
  import.meta.dirname,
  import.meta.dirname.includes('/dist/') ? '../../tools/cosmos/main.js' : '../../dist/tools/cosmos/main.js',
);

/** The project's stand-in for Cosmos DB as a process of its own, with a data folder of its own. */
export async function startCosmosTarget(): Promise<CosmosTarget> {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing: npm run build`);
  return startProcess();
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

async function startProcess(): Promise<CosmosTarget> {
  const port = await freePort();
  const data = await mkdtemp(path.join(tmpdir(), 'rtvoice-cosmos-'));
  const child = spawn(process.execPath, [MAIN, '--port', String(port), '--data', data], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const url = `http://127.0.0.1:${port}`;
  await until(async () => (await fetch(`${url}/_standin/health`)).ok, 30_000, 'the Cosmos stand-in');
  return {
    url,
    stop: async () => {
      await endChild(child);
      await rm(data, { recursive: true, force: true });
    },
  };
}

/** Ends a child of ours and waits for its end. */
export async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await new Promise<void>((resolve) => {
    const kill = setTimeout(() => child.kill('SIGKILL'), 5000);
    child.once('exit', () => {
      clearTimeout(kill);
      resolve();
    });
    child.kill('SIGTERM');
  });
}

/** Waits for a condition; a throw counts as not yet. */
export async function until(check: () => Promise<boolean>, withinMs: number, what: string): Promise<void> {
  const end = performance.now() + withinMs;
  for (;;) {
    if (await check().catch(() => false)) return;
    if (performance.now() > end) throw new Error(`${what} was not ready within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
