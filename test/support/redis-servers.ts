import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const HOST = '127.0.0.1';

/** A PEM CA and the files of a server certificate for 127.0.0.1 and localhost that it signed. */
export interface TlsFiles {
  readonly ca: string;
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** A running redis-server (or sentinel) of our own. */
export interface RedisServer {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  readonly dir: string;
  /** Runs redis-cli against it and returns its trimmed output. */
  cli(...args: string[]): Promise<string>;
  /** Sends a signal to the server's process. */
  signal(signal: NodeJS.Signals): void;
  /** Kills it and starts it again on the same port and directory. */
  restart(signal?: NodeJS.Signals): Promise<void>;
  /** Kills it without clean-up, for a later `start`. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again after `kill`. */
  start(): Promise<void>;
  /** Ends it and removes its directory. */
  stop(): Promise<void>;
}

export interface ServerOptions {
  /** Further arguments of redis-server. */
  readonly args?: readonly string[];
  readonly tls?: boolean;
  /** Picks the port; by default any free one of the loopback. */
  readonly pickPort?: () => Promise<number>;
  readonly port?: number;
  /** Written to a configuration file in the server's directory. */
  readonly config?: string;
  readonly sentinel?: boolean;
}

/** Waits until `condition` holds; throws after `ms`. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  ms = 30_000,
): Promise<void> {
  const end = Date.now() + ms;
  for (;;) {
    if (await condition()) return;
    if (Date.now() > end) throw new Error(`timed out waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A port nobody listens on at this moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, HOST, () => {
      const address = server.address();
      server.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new Error('no address'));
      });
    });
  });
}

/** Makes a CA and a server certificate with openssl in a directory. */
export async function makeCertificates(dir: string): Promise<TlsFiles> {
  const file = (name: string): string => join(dir, name);
  const openssl = (...args: string[]) => run('openssl', args);
  await openssl(
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-keyout', file('ca.key'), '-out', file('ca.pem'), '-subj', '/CN=test ca'],
  );
  await openssl(
    ...['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
    ...['-keyout', file('server.key'), '-out', file('server.csr'), '-subj', '/CN=localhost'],
  );
  await writeFile(file('san.cnf'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  await openssl(
    ...['x509', '-req', '-in', file('server.csr'), '-CA', file('ca.pem'), '-CAkey', file('ca.key')],
    ...['-CAcreateserial', '-days', '2', '-extfile', file('san.cnf'), '-out', file('server.pem')],
  );
  const { stdout } = await run('cat', [file('ca.pem')]);
  return { ca: stdout, caFile: file('ca.pem'), certFile: file('server.pem'), keyFile: file('server.key') };
}

/**
 * Starts a redis-server in a new temporary directory, without persistence, on a free loopback port. A port
 * that another process takes in the meantime is given up for the next one.
 */
export async function startRedis(options: ServerOptions = {}): Promise<RedisServer & { tls?: TlsFiles }> {
  for (let tries = 1; ; tries += 1) {
    const port = options.port ?? (await (options.pickPort ?? freePort)());
    try {
      return await startOn(port, options);
    } catch (error) {
      if (options.port !== undefined || tries >= 5) throw error;
    }
  }
}

async function startOn(port: number, options: ServerOptions): Promise<RedisServer & { tls?: TlsFiles }> {
  const dir = await mkdtemp(join(tmpdir(), 'rtvoice-redis-'));
  const tls = options.tls ? await makeCertificates(dir) : undefined;
  const args: string[] = [];
  if (options.config !== undefined) {
    await writeFile(join(dir, 'redis.conf'), options.config);
    args.push(join(dir, 'redis.conf'));
  }
  args.push('--bind', HOST, '--dir', dir, '--logfile', join(dir, 'redis.log'), '--daemonize', 'no');
  if (!options.sentinel) args.push('--save', '');
  if (tls === undefined) args.push('--port', String(port));
  else args.push('--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no');
  if (tls !== undefined) {
    args.push(
      '--tls-cert-file',
      tls.certFile,
      '--tls-key-file',
      tls.keyFile,
      '--tls-ca-cert-file',
      tls.caFile,
    );
  }
  args.push(...(options.args ?? []));
  if (options.sentinel) args.push('--sentinel');
  let child: ChildProcess;
  const log = join(dir, 'redis.log');
  const begin = async (): Promise<void> => {
    await rm(log, { force: true });
    child = spawn('redis-server', args, { stdio: 'ignore' });
    await until(`redis on ${port}`, async () => {
      const written = await readFile(log, 'utf8').catch(() => '');
      if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}: ${written}`);
      // Its own log, for another process may answer on the port.
      return /Ready to accept connections|Sentinel ID is/.test(written) && (await accepts(port));
    });
  };
  const kill = async (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    // A stopped process takes SIGTERM only once it goes on.
    if (signal !== 'SIGKILL') child.kill('SIGCONT');
    await ended;
  };
  try {
    await begin();
  } catch (error) {
    await kill();
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
  const tlsArgs = tls === undefined ? [] : ['--tls', '--cacert', tls.caFile];
  return {
    host: HOST,
    port,
    dir,
    get pid() {
      return child.pid ?? -1;
    },
    ...(tls === undefined ? {} : { tls }),
    cli: async (...command) =>
      (await run('redis-cli', ['-h', HOST, '-p', String(port), ...tlsArgs, ...command])).stdout.trim(),
    signal: (signal) => void child.kill(signal),
    kill,
    start: begin,
    restart: async (signal) => {
      await kill(signal);
      await begin();
    },
    stop: async () => {
      await kill();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A cluster of masters without replicas, all slots served. */
export async function startCluster(size = 3): Promise<{ nodes: RedisServer[]; stop(): Promise<void> }> {
  const nodes: RedisServer[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  try {
    for (let i = 0; i < size; i += 1) {
      nodes.push(
        await startRedis({
          pickPort: freeClusterPort,
          args: ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'],
        }),
      );
    }
    const addresses = nodes.map((node) => `${HOST}:${node.port}`);
    await run('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes']);
    await until('the cluster', async () => {
      const states = await Promise.all(nodes.map((node) => node.cli('cluster', 'info')));
      return states.every((state) => state.includes('cluster_state:ok'));
    });
    return { nodes, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export interface SentinelSetup {
  readonly master: RedisServer;
  readonly replica: RedisServer;
  readonly sentinels: readonly RedisServer[];
  readonly name: string;
  stop(): Promise<void>;
}

/** A master, a replica in step with it, and sentinels that agree on both. */
export async function startSentinel(count = 3): Promise<SentinelSetup> {
  const name = 'main';
  const servers: RedisServer[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  try {
    const master = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] });
    servers.push(master);
    const replica = await startRedis({
      args: ['--replicaof', `${HOST} ${master.port}`, '--repl-diskless-sync-delay', '0'],
    });
    servers.push(replica);
    await until('the replica', async () =>
      (await replica.cli('info', 'replication')).includes('master_link_status:up'),
    );
    const quorum = Math.floor(count / 2) + 1;
    const sentinels: RedisServer[] = [];
    for (let i = 0; i < count; i += 1) {
      const config = [
        `sentinel monitor ${name} ${HOST} ${master.port} ${quorum}`,
        `sentinel down-after-milliseconds ${name} 1000`,
        `sentinel failover-timeout ${name} 5000`,
        '',
      ].join('\n');
      const sentinel = await startRedis({ sentinel: true, config });
      servers.push(sentinel);
      sentinels.push(sentinel);
    }
    await until('the sentinels', async () => {
      const views = await Promise.all(sentinels.map((s) => s.cli('sentinel', 'master', name)));
      return views.every(
        (view) =>
          field(view, 'num-slaves') === '1' && field(view, 'num-other-sentinels') === String(count - 1),
      );
    });
    return { master, replica, sentinels, name, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function field(reply: string, name: string): string | undefined {
  const lines = reply.split('\n');
  return lines[lines.indexOf(name) + 1];
}

/** The cluster bus listens 10,000 ports higher: both free, and below those of outgoing connections. */
async function freeClusterPort(): Promise<number> {
  for (;;) {
    const port = 11_000 + Math.floor(Math.random() * 11_000);
    if (!(await accepts(port)) && !(await accepts(port + 10_000))) return port;
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, HOST);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
