/** The ways in which a stack's Redis is taken away, and brought back. Only for a Redis of the stack's own. */
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis } from './redis-servers.js';
import { eventually, type TestStack } from './stack.js';

export interface Outage {
  readonly name: string;
  /** Turns must wait in memory meanwhile. */
  readonly provisional: boolean;
  /** Takes Redis away for so long, ms, and brings it back. */
  run(system: TestStack, ms: number): Promise<void>;
}

/** How much older Redis is when it comes back so, ms. */
const OLDER_MS = 5_000;
/** Keys that a slow load is spread over. */
const FILLER = 3_000;
const FILLER_TTL_S = 900;

const command = ({ view }: TestStack, ...words: string[]): Promise<unknown> =>
  view.redis.call(...(words as [string]));
const dataDir = ({ stack }: TestStack): string => join(stack.stateDir, 'redis', 'appendonlydir');

/** Waits until the stack's Redis answers. */
export async function answering(system: TestStack): Promise<void> {
  const ping = (): Promise<boolean> =>
    command(system, 'PING').then(
      (reply) => reply === 'PONG',
      () => false,
    );
  await eventually('Redis answers', ping, 120_000);
}

export const outages: readonly Outage[] = [
  {
    name: 'killed',
    provisional: true,
    async run({ stack }, ms) {
      await stack.down('redis');
      await sleep(ms);
      stack.up('redis');
    },
  },
  {
    name: 'hanging',
    provisional: true,
    async run({ stack }, ms) {
      stack.kill('redis', 'SIGSTOP');
      await sleep(ms);
      stack.kill('redis', 'SIGCONT');
    },
  },
  {
    name: 'oom',
    provisional: true,
    async run(system, ms) {
      await command(system, 'CONFIG', 'SET', 'maxmemory', '1mb');
      await sleep(ms);
      await command(system, 'CONFIG', 'SET', 'maxmemory', '0');
    },
  },
  {
    name: 'readonly',
    provisional: true,
    async run(system, ms) {
      await command(system, 'REPLICAOF', '127.0.0.1', '1');
      await sleep(ms);
      await command(system, 'REPLICAOF', 'NO', 'ONE');
    },
  },
  { name: 'loading', provisional: true, run: loading },
  {
    name: 'empty',
    provisional: false,
    async run(system) {
      await system.stack.down('redis');
      await rm(dataDir(system), { recursive: true, force: true });
      system.stack.up('redis');
    },
  },
  {
    name: 'older',
    provisional: false,
    async run(system) {
      const copy = `${dataDir(system)}.older`;
      await cp(dataDir(system), copy, { recursive: true });
      await sleep(OLDER_MS);
      await system.stack.down('redis');
      await rm(dataDir(system), { recursive: true, force: true });
      await cp(copy, dataDir(system), { recursive: true });
      await rm(copy, { recursive: true, force: true });
      system.stack.up('redis');
    },
  },
];

/** LOADING for so long: its data come back to it from a replica, which it loads key by key, slowly. */
async function loading(system: TestStack, ms: number): Promise<void> {
  const { host, port } = system.view.info.redis;
  await command(system, 'CONFIG', 'SET', 'repl-diskless-sync-delay', '0');
  const filler = system.view.redis.pipeline();
  for (let at = 0; at < FILLER; at += 1) filler.set(`filler:${at}`, 'x'.repeat(64), 'EX', FILLER_TTL_S);
  await filler.exec();
  const replica = await startRedis({
    args: [
      ...['--replicaof', `${host} ${port}`, '--masterauth', system.view.secrets.redisPassword],
      ...['--repl-diskless-sync-delay', '0'],
    ],
  });
  try {
    await eventually('the replica has all', async () =>
      (await replica.cli('info', 'replication')).includes('master_link_status:up'),
    );
    await replica.cli('replicaof', 'no', 'one');
    // What the replica has not makes them part: all of it is loaded again.
    await command(system, 'SET', 'filler:parted', 'x', 'EX', String(FILLER_TTL_S));
    await command(system, 'CONFIG', 'SET', 'loading-process-events-interval-bytes', '1024');
    await command(system, 'CONFIG', 'SET', 'key-load-delay', String(Math.ceil((4_000 * ms) / FILLER)));
    await command(system, 'REPLICAOF', replica.host, String(replica.port));
    await eventually('it is loading', async () =>
      String(await command(system, 'INFO', 'persistence')).includes('loading:1'),
    );
    await sleep(ms);
    await command(system, 'CONFIG', 'SET', 'key-load-delay', '0');
    await eventually('all is loaded', async () =>
      String(await command(system, 'INFO', 'replication')).includes('master_link_status:up'),
    );
    await command(system, 'REPLICAOF', 'NO', 'ONE');
  } finally {
    await replica.stop();
  }
}
