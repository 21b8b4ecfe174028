import { createHash } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { StackError } from '../error.js';
import { reachableDocker } from './docker.js';
import { type Environment, isExecutable, onPath, run } from './exec.js';

/** A Redis that somebody else runs. */
export interface ExternalRedis {
  kind: 'external';
  host: string;
  port: number;
}

/** A Redis for the stack to run in the foreground; it ends with SIGTERM and keeps what it acknowledged. */
export interface RedisCommand {
  kind: 'command';
  command: string;
  args: (port: number) => string[];
  from: 'installed' | 'package' | 'docker';
}

/** Options of {@link resolveRedis}. */
export interface RedisOptions {
  /** The stack's state folder: the data go to redis/ in it. */
  stateDir: string;
  say: (line: string) => void;
  /** What clients must authenticate with; it is written to a file of mode 0600, never to a command line. */
  password?: string;
  /** process.env unless given. */
  env?: Environment;
  signal?: AbortSignal;
}

const IMAGE = 'redis:7.4';
const APT_TIMEOUT_MS = 5 * 60_000;

/**
 * Finds a Redis: REDIS_HOST, redis-server on PATH, the Debian package (as root), Docker.
 *
 * @throws StackError RTV_STACK_REDIS_INVALID (REDIS_PORT, a password with control characters),
 *   RTV_STACK_REDIS_MISSING (names every way to get it).
 */
export async function resolveRedis(options: RedisOptions): Promise<ExternalRedis | RedisCommand> {
  const env = options.env ?? process.env;
  if (env.REDIS_HOST) return { kind: 'external', host: env.REDIS_HOST, port: externalPort(env.REDIS_PORT) };

  const installed = await onPath('redis-server', env);
  if (installed !== undefined) return native(installed, 'installed', options);
  const tried = ['no redis-server on PATH'];

  const packaged = await fromPackage(options, env);
  if (packaged.startsWith('/')) return native(packaged, 'package', options);
  tried.push(packaged);

  const docker = await reachableDocker(env);
  if (docker !== undefined) return container(docker, options);
  tried.push('no Docker whose engine answers');
  throw new StackError(
    'RTV_STACK_REDIS_MISSING',
    [
      `Redis was not found (${tried.join('; ')}). Any one of these will do:`,
      '  - install redis-server (Debian and Ubuntu: apt-get install redis-server; macOS: brew install redis)',
      '  - set REDIS_HOST (and REDIS_PORT, REDIS_PASSWORD, REDIS_SSL) to a Redis that runs',
      `  - start Docker: the image ${IMAGE} is run`,
    ].join('\n'),
  );
}

function externalPort(text: string | undefined): number {
  const port = Number(text || '6379');
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new StackError('RTV_STACK_REDIS_INVALID', `REDIS_PORT=${text} is not a port`);
}

/** Quotes a value as Redis reads its configuration file. */
function quoted(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a line break would start another directive
  if (/[\u0000-\u001f\u007f]/.test(value)) {
    throw new StackError('RTV_STACK_REDIS_INVALID', 'a Redis setting holds a control character');
  }
  return `"${value.replace(/[\\"]/g, '\\$&')}"`;
}

/**
 * The configuration of a Redis that acknowledges writes it keeps: the append-only file, synced every
 * second, and nothing ever evicted (a full memory refuses writes instead of dropping a call's state).
 */
function configuration(settings: { dir: string; bind: string; password: string | undefined }): string {
  return [
    `bind ${settings.bind}`,
    'protected-mode yes',
    'daemonize no',
    `dir ${quoted(settings.dir)}`,
    'appendonly yes',
    'appendfsync everysec',
    'save ""',
    'maxmemory-policy noeviction',
    ...(settings.password === undefined ? [] : [`requirepass ${quoted(settings.password)}`]),
    '',
  ].join('\n');
}

async function prepare(options: RedisOptions, inside: { dir?: string; bind: string }): Promise<string> {
  const data = resolve(options.stateDir, 'redis');
  await mkdir(data, { recursive: true, mode: 0o700 });
  const file = join(data, 'redis.conf');
  const text = configuration({ dir: inside.dir ?? data, bind: inside.bind, password: options.password });
  await writeFile(file, text, { mode: 0o600 });
  // The mode above counts for a new file only.
  await chmod(file, 0o600);
  return data;
}

async function native(
  command: string,
  from: RedisCommand['from'],
  options: RedisOptions,
): Promise<RedisCommand> {
  const data = await prepare(options, { bind: '127.0.0.1' });
  return {
    kind: 'command',
    command,
    from,
    args: (port) => [join(data, 'redis.conf'), '--port', String(port)],
  };
}

async function container(docker: string, options: RedisOptions): Promise<RedisCommand> {
  const data = await prepare(options, { bind: '0.0.0.0', dir: '/data' });
  const name = `rtvoice-redis-${createHash('sha256').update(data).digest('hex').slice(0, 12)}`;
  const env = options.env ?? process.env;
  options.say(`Redis comes from the image ${IMAGE}`);
  // One left over by a killed stack would hold the name and the data.
  await run(docker, ['rm', '-f', name], { env, timeoutMs: 60_000 });
  const owner = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  const args = (port: number): string[] => [
    ...['run', '--rm', '--name', name, '--user', owner, '-p', `127.0.0.1:${port}:6379`],
    ...['-v', `${data}:/data`, IMAGE, 'redis-server', '/data/redis.conf', '--port', '6379'],
  ];
  return { kind: 'command', command: docker, args, from: 'docker' };
}

/** Installs the Debian package as root: the path of redis-server, or why that cannot be. */
async function fromPackage(options: RedisOptions, env: Environment): Promise<string> {
  if (process.getuid?.() !== 0) return 'not root, so no package is installed';
  const apt = await onPath('apt-get', env);
  if (apt === undefined) return 'no apt-get';
  options.say('installing the Debian package redis-server');
  const aptEnv = { ...env, DEBIAN_FRONTEND: 'noninteractive' };
  const onLine = (line: string): void => {
    if (/^(Get:|Unpacking|Setting up)/.test(line)) options.say(`  ${line.trim()}`);
  };
  const apply = (args: string[]): ReturnType<typeof run> =>
    run(apt, args, { env: aptEnv, timeoutMs: APT_TIMEOUT_MS, onLine, signal: options.signal });
  const install = ['install', '-y', '--no-install-recommends', 'redis-server'];
  let installed = await apply(install);
  if (installed.code !== 0) {
    await apply(['update']);
    installed = await apply(install);
  }
  if (installed.code !== 0) {
    return `apt-get install redis-server: ${installed.stderr.trim().split('\n').at(-1) ?? ''}`;
  }
  const found = (await onPath('redis-server', env)) ?? '/usr/bin/redis-server';
  return (await isExecutable(found)) ? found : 'the package holds no redis-server';
}
