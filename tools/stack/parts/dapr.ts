import { randomBytes } from 'node:crypto';
import { chmod, mkdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { StackError } from '../error.js';
import { cacheFolder, homeFolder } from './cache.js';
import { buildDapr, DAPR_PROGRAMS, DAPR_VERSION, findGo, moduleHash } from './dapr-build.js';
import { reachableDocker } from './docker.js';
import { type Environment, isExecutable, pathFolders, run } from './exec.js';
import { waitForLock } from './lock.js';
import { atLeast } from './version.js';

/** Where Dapr came from, in the order in which it is looked for. */
export type DaprSource = 'env' | 'installed' | 'cache' | 'docker' | 'go';

/** The programs of one Dapr, as absolute paths. */
export interface Dapr {
  dir: string;
  daprd: string;
  placement: string;
  scheduler: string;
  version: string;
  from: DaprSource;
}

/** Options of {@link resolveDapr}. */
export interface DaprOptions {
  /** Told what is done, a line at a time. */
  say: (line: string) => void;
  /** process.env unless given. */
  env?: Environment;
  signal?: AbortSignal;
}

const IMAGE = `daprio/dapr:${DAPR_VERSION}`;
const PULL_TIMEOUT_MS = 10 * 60_000;

/**
 * Finds or makes daprd, placement and scheduler: RTVOICE_DAPR_BIN, an installed Dapr (all three
 * programs, daprd of the version needed or later), the cache, the official image, a build with Go.
 *
 * @throws StackError RTV_STACK_DAPR_INVALID (RTVOICE_DAPR_BIN names no usable Dapr),
 *   RTV_STACK_DAPR_BUILD_FAILED, RTV_STACK_DAPR_MISSING (names every way to get it).
 */
export async function resolveDapr(options: DaprOptions): Promise<Dapr> {
  const { say } = options;
  const env = options.env ?? process.env;
  if (env.RTVOICE_DAPR_BIN) return fromSetting(resolve(env.RTVOICE_DAPR_BIN), env);

  const home = homeFolder(env);
  const installed = [...(home === undefined ? [] : [join(home, '.dapr', 'bin')]), ...pathFolders(env)];
  for (const dir of installed) {
    const found = await inspect(dir, 'installed', env);
    if (found === undefined) continue;
    if (atLeast(found.version, DAPR_VERSION)) return found;
    say(`Dapr in ${dir} is ${found.version}; ${DAPR_VERSION} or later is needed`);
  }

  const cache = cacheFolder(env);
  const builtDir = join(cache, `dapr-${DAPR_VERSION}-${await moduleHash()}`);
  const imageDir = join(cache, `dapr-${DAPR_VERSION}-image-${process.arch}`);
  const cached = async (): Promise<Dapr | undefined> =>
    (await inspect(builtDir, 'cache', env)) ?? (await inspect(imageDir, 'cache', env));
  const early = await cached();
  if (early !== undefined) return early;

  await mkdir(cache, { recursive: true });
  const release = await waitForLock(join(cache, `dapr-${DAPR_VERSION}.lock`), {
    onWait: (pid) => say(`another process (${pid}) is getting Dapr, waiting for it`),
    signal: options.signal,
  });
  try {
    const meanwhile = await cached();
    if (meanwhile !== undefined) return meanwhile;
    const request = { env, say, signal: options.signal, cache };
    const tried: string[] = [];
    const image = await fromDocker(imageDir, request);
    if (typeof image !== 'string') return image;
    tried.push(image);
    const go = await findGo(env);
    if ('go' in go) return await fromGo(go.go, builtDir, request);
    tried.push(go.missing);
    throw new StackError('RTV_STACK_DAPR_MISSING', missingText(tried));
  } finally {
    await release();
  }
}

interface Request {
  env: Environment;
  say: (line: string) => void;
  signal: AbortSignal | undefined;
  cache: string;
}

/** The Dapr of a folder: undefined unless it holds all three programs and daprd tells its version. */
async function inspect(dir: string, from: DaprSource, env: Environment): Promise<Dapr | undefined> {
  const [daprd, placement, scheduler] = DAPR_PROGRAMS.map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  for (const file of [daprd, placement, scheduler]) {
    if (!(await isExecutable(file))) return undefined;
  }
  const answer = await run(daprd, ['--version'], { env, timeoutMs: 20_000 });
  const version = answer.stdout.trim();
  if (answer.code !== 0 || version === '') return undefined;
  return { dir, daprd, placement, scheduler, version, from };
}

async function fromSetting(dir: string, env: Environment): Promise<Dapr> {
  const found = await inspect(dir, 'env', env);
  if (found !== undefined && atLeast(found.version, DAPR_VERSION)) return found;
  const problem =
    found === undefined
      ? `does not hold ${DAPR_PROGRAMS.join(', ')} that run here`
      : `holds Dapr ${found.version}; ${DAPR_VERSION} or later is needed`;
  throw new StackError('RTV_STACK_DAPR_INVALID', `RTVOICE_DAPR_BIN=${dir} ${problem}`);
}

/** Fills a folder beside `target` and moves it into place whole, so that no half of it is ever found. */
async function place(
  target: string,
  from: DaprSource,
  request: Request,
  fill: (draft: string) => Promise<void>,
): Promise<Dapr> {
  const draft = `${target}.${randomBytes(6).toString('hex')}`;
  try {
    await mkdir(draft, { recursive: true });
    await fill(draft);
    for (const name of DAPR_PROGRAMS) await chmod(join(draft, name), 0o755);
    if ((await inspect(draft, from, request.env)) === undefined) {
      throw new StackError('RTV_STACK_DAPR_BUILD_FAILED', `the programs put into ${draft} do not run here`);
    }
    await rm(target, { recursive: true, force: true });
    await rename(draft, target);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  const found = await inspect(target, from, request.env);
  if (found === undefined) throw new StackError('RTV_STACK_DAPR_BUILD_FAILED', `${target} does not run here`);
  return found;
}

/** Copies the programs out of the official image; a string says why that cannot be. */
async function fromDocker(target: string, request: Request): Promise<Dapr | string> {
  const { env, say, signal } = request;
  if (process.platform !== 'linux') return 'the programs of the Docker image run on Linux only';
  const docker = await reachableDocker(env);
  if (docker === undefined) return 'no Docker whose engine answers';
  say(`taking Dapr ${DAPR_VERSION} out of the image ${IMAGE}`);
  const onLine = (line: string): void => {
    if (/pull|complete|digest/i.test(line)) say(`  ${line.trim()}`);
  };
  const created = await run(docker, ['create', IMAGE], { env, signal, timeoutMs: PULL_TIMEOUT_MS, onLine });
  const container = created.stdout.trim().split('\n').at(-1) ?? '';
  if (created.code !== 0 || container === '') return `docker create ${IMAGE}: ${created.stderr.trim()}`;
  try {
    return await place(target, 'docker', request, async (draft) => {
      for (const name of DAPR_PROGRAMS) {
        const copied = await run(docker, ['cp', `${container}:/${name}`, join(draft, name)], {
          env,
          signal,
          timeoutMs: PULL_TIMEOUT_MS,
        });
        if (copied.code !== 0) throw new Error(`docker cp of ${name}: ${copied.stderr.trim()}`);
      }
    });
  } catch (error) {
    // The build with Go may still do.
    return error instanceof Error ? error.message : String(error);
  } finally {
    await run(docker, ['rm', '-f', container], { env, timeoutMs: 60_000 });
  }
}

async function fromGo(go: string, target: string, request: Request): Promise<Dapr> {
  const { env, say, signal, cache } = request;
  say(`Dapr is not installed: building it once into ${cache} (3 to 5 minutes, 3 GB of disk meanwhile)`);
  return place(target, 'go', request, (draft) =>
    buildDapr({ go, target: draft, scratch: join(cache, 'go-scratch'), env, say, signal }),
  );
}

function missingText(tried: readonly string[]): string {
  return [
    `Dapr ${DAPR_VERSION} or later was not found (${tried.join('; ')}). Any one of these will do:`,
    `  - install it with the Dapr CLI: dapr init --slim --runtime-version ${DAPR_VERSION} (found in ~/.dapr/bin, or on PATH)`,
    '  - set RTVOICE_DAPR_BIN to a folder that holds daprd, placement and scheduler',
    `  - start Docker: the programs are taken out of the image ${IMAGE}`,
    '  - install Go 1.26.6 or later: they are built once from tools/dapr and kept in the cache',
  ].join('\n');
}
