import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StackError } from '../error.js';
import { type Environment, onPath, run } from './exec.js';
import { atLeast } from './version.js';

/** The three programs of Dapr that the stack runs. */
export const DAPR_PROGRAMS = ['daprd', 'placement', 'scheduler'] as const;
/** The version that is built, and fetched with Docker; also the oldest that is accepted. */
export const DAPR_VERSION = '1.18.3';

const PACKAGES: Readonly<Record<(typeof DAPR_PROGRAMS)[number], string>> = {
  placement: 'github.com/dapr/dapr/cmd/placement',
  scheduler: 'github.com/dapr/dapr/cmd/scheduler',
  daprd: './daprd',
};
const LDFLAGS = [
  '-s -w',
  `-X github.com/dapr/dapr/pkg/buildinfo.version=${DAPR_VERSION}`,
  `-X github.com/dapr/kit/logger.DaprVersion=${DAPR_VERSION}`,
].join(' ');
/** ms for one program, on a slow machine with empty caches. */
const BUILD_TIMEOUT_MS = 30 * 60_000;
const PROGRESS_MS = 10_000;

/** The Go module of the repository, found upwards from this file (tools/ or dist/tools/). */
function moduleFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const candidate = join(folder, 'tools', 'dapr');
    if (existsSync(join(candidate, 'go.mod'))) return candidate;
    const parent = dirname(folder);
    if (parent === folder) throw new StackError('RTV_STACK_DAPR_MISSING', 'tools/dapr/go.mod is not there');
    folder = parent;
  }
}

/** What a build depends on: its name in the cache changes with any of it. */
export async function moduleHash(): Promise<string> {
  const folder = moduleFolder();
  const sources = (await readdir(join(folder, 'daprd'))).filter((name) => name.endsWith('.go')).sort();
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} ${LDFLAGS}\n`);
  for (const name of ['go.mod', 'go.sum', ...sources.map((source) => join('daprd', source))]) {
    hash.update(`${name}\n`).update(await readFile(join(folder, name)));
  }
  return hash.digest('hex').slice(0, 12);
}

/** A Go command that can build the module, or why there is none. */
export async function findGo(env: Environment): Promise<{ go: string } | { missing: string }> {
  const needed = /^go (\S+)$/m.exec(await readFile(join(moduleFolder(), 'go.mod'), 'utf8'))?.[1] ?? '1.26';
  const go = await onPath('go', env);
  if (go === undefined) return { missing: 'no Go on PATH' };
  const answer = await run(go, ['env', 'GOVERSION', 'GOTOOLCHAIN'], {
    env: goEnvironment(env, undefined),
    timeoutMs: 30_000,
    cwd: '/',
  });
  const [goVersion = '', toolchain = ''] = answer.stdout.split('\n');
  const version = goVersion.replace(/^go/, '');
  if (answer.code !== 0) return { missing: `${go} does not run: ${answer.stderr.trim()}` };
  if (atLeast(version, needed)) return { go };
  // A Go of the right line fetches the exact tool chain itself, where it may.
  if (atLeast(version, '1.26') && toolchain !== 'local') return { go };
  return { missing: `${go} is ${version || 'of an unknown version'}, ${needed} or later is needed` };
}

/**
 * Builds the three programs into `target`, telling what it does every 10 s.
 *
 * The user's Go caches are used where they exist. Otherwise the caches (about 3 GB) are made in
 * `scratch` and removed after the build, so that a home is not filled unasked.
 *
 * @throws StackError RTV_STACK_DAPR_BUILD_FAILED with the end of the compiler's output.
 */
export async function buildDapr(options: {
  go: string;
  target: string;
  scratch: string;
  env: Environment;
  say: (line: string) => void;
  signal?: AbortSignal | undefined;
}): Promise<void> {
  const { go, target, scratch, say, signal } = options;
  const own = await run(go, ['env', 'GOCACHE', 'GOMODCACHE'], {
    env: goEnvironment(options.env, undefined),
    timeoutMs: 30_000,
    cwd: '/',
  });
  const caches = own.code === 0 ? own.stdout.trim().split('\n') : [];
  const env = goEnvironment(
    options.env,
    caches.length === 2 && caches.every(existsSync) ? undefined : scratch,
  );
  await mkdir(target, { recursive: true });
  const started = Date.now();
  try {
    for (const [index, program] of (['placement', 'scheduler', 'daprd'] as const).entries()) {
      say(`building Dapr ${DAPR_VERSION} with Go: ${program} (${index + 1} of 3)`);
      let modules = 0;
      const progress = setInterval(() => {
        const elapsed = Math.round((Date.now() - started) / 1000);
        say(`  still building ${program}, ${elapsed} s${modules > 0 ? `, ${modules} modules fetched` : ''}`);
      }, PROGRESS_MS);
      try {
        const built = await run(
          go,
          ['build', '-trimpath', '-ldflags', LDFLAGS, '-o', join(target, program), PACKAGES[program]],
          {
            env,
            cwd: moduleFolder(),
            timeoutMs: BUILD_TIMEOUT_MS,
            signal,
            onLine: (line) => {
              if (line.startsWith('go: downloading')) modules += 1;
            },
          },
        );
        if (built.code !== 0) {
          const reason = built.stderr
            .split('\n')
            .filter((line) => line && !line.startsWith('go: downloading'));
          throw new StackError(
            'RTV_STACK_DAPR_BUILD_FAILED',
            `go build of ${program} failed:\n${reason.slice(-20).join('\n') || 'killed or out of time'}`,
          );
        }
      } finally {
        clearInterval(progress);
      }
    }
    say(`Dapr ${DAPR_VERSION} built in ${Math.round((Date.now() - started) / 1000)} s`);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The variables of a reproducible build: no workspace, no cgo; caches in `scratch` when one is given. */
function goEnvironment(env: Environment, scratch: string | undefined): Environment {
  const base: Record<string, string | undefined> = {
    ...env,
    CGO_ENABLED: '0',
    GOWORK: 'off',
    GOFLAGS: `-mod=readonly -buildvcs=false${scratch === undefined ? '' : ' -modcacherw'}`,
    // Go refuses to run without a home.
    HOME: env.HOME || scratch || tmpdir(),
  };
  if (scratch === undefined) return base;
  return {
    ...base,
    GOPATH: join(scratch, 'path'),
    GOMODCACHE: join(scratch, 'mod'),
    GOCACHE: join(scratch, 'build'),
    GOTELEMETRY: 'off',
  };
}
