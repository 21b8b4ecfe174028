/**
 * Makes a fresh clone ready to run: the right Node, the packages of the lockfile, the build. What is there
 * already costs milliseconds. It needs nothing but Node itself, for it runs before anything is installed.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrapError } from './bootstrap-errors.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OLDEST = [20, 19];
const INSTALL_STAMP = join(ROOT, 'node_modules', '.rtvoice-install.json');
const BUILD_STAMP = join(ROOT, 'dist', '.build-stamp.json');
/** Folders that the compiler reads (tsconfig.build.json); an image may hold only the first two. */
const SOURCES = ['src', 'tools', 'test/bench', 'test/support'];
const LOCK = join(ROOT, '.rtvoice', 'bootstrap.lock');
const TELL_MS = 10_000;
/** A lock is named in the moment after it was made; one that stays without a name is a dead start's. */
const NAMELESS_MS = 5000;

/**
 * @param {{ build?: boolean, say?: (line: string) => void }} options build: compile too (true unless given)
 * @throws Error RTV_BOOTSTRAP_* with the cure in its message
 */
export async function bootstrap({ build = true, say = () => {} } = {}) {
  checkNode();
  if (isInstalled() && (!build || isBuilt())) return;
  const release = await takeLock(say);
  try {
    if (!isInstalled()) await install(say);
    if (build && !isBuilt()) await compile(say);
  } finally {
    release();
  }
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return;
  throw bootstrapError(
    'RTV_BOOTSTRAP_NODE',
    `Node ${OLDEST.join('.')} or later is needed, this is ${process.versions.node}.`,
  );
}

function hash(text) {
  return createHash('sha256').update(text).digest('hex');
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function lockfileHash() {
  const platform = `${process.platform} ${process.arch}`;
  return hash(`${platform}\n${readFileSync(join(ROOT, 'package-lock.json'), 'utf8')}`);
}

function isInstalled() {
  const wanted = lockfileHash();
  if (readJson(INSTALL_STAMP)?.lockfile === wanted) return true;
  if (!matchesLockfile()) return false;
  writeFileSync(INSTALL_STAMP, JSON.stringify({ lockfile: wanted }));
  return true;
}

/** Did npm itself install just these packages (npm install, npm ci)? Its own record of them tells. */
function matchesLockfile() {
  const there = readJson(join(ROOT, 'node_modules', '.package-lock.json'))?.packages;
  const wanted = readJson(join(ROOT, 'package-lock.json'))?.packages;
  if (!there || !wanted) return false;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '' || entry.link) continue;
    const found = there[path];
    if (!found) {
      if (entry.optional || entry.devOptional || entry.peer) continue;
      return false;
    }
    if (found.version !== entry.version || found.integrity !== entry.integrity) return false;
  }
  return Object.keys(there).every((path) => path in wanted);
}

async function install(say) {
  const count = Object.keys(readJson(join(ROOT, 'package-lock.json'))?.packages ?? {}).length;
  say(`installing ${count} packages (npm ci)`);
  const npm = process.env.npm_execpath?.endsWith('.js')
    ? [process.execPath, process.env.npm_execpath]
    : ['npm'];
  const [command, ...before] = npm;
  // Compiler and stand-ins are development packages: whatever the environment says, they are needed here. npm is mute
  // by .npmrc, and a failed installation must say why.
  const args = [...before, 'ci', '--loglevel=notice', '--include=dev', '--include=optional'];
  const env = { ...process.env };
  delete env.npm_config_omit;
  delete env.npm_config_production;
  if (!homeIsWritable()) env.npm_config_cache = join(ROOT, '.rtvoice', 'npm-cache');
  const begun = Date.now();
  const code = await run(command, args, env, () =>
    say(`installing packages, ${Math.round((Date.now() - begun) / 1000)} s`),
  );
  if (code !== 0)
    throw bootstrapError('RTV_BOOTSTRAP_INSTALL', `npm ci ended with ${code}; its lines are above.`);
  writeFileSync(INSTALL_STAMP, JSON.stringify({ lockfile: lockfileHash() }));
  say(`packages installed in ${((Date.now() - begun) / 1000).toFixed(1)} s`);
}

function homeIsWritable() {
  try {
    const home = homedir();
    if (home === '') return false;
    accessSync(home, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Hashes of all that the compiler reads, by path. */
function sources() {
  const files = ['tsconfig.json', 'tsconfig.build.json', 'package-lock.json'];
  for (const folder of SOURCES.filter((name) => existsSync(join(ROOT, name)))) {
    for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.ts') || entry.name.endsWith('.test.ts')) continue;
      files.push(join(entry.parentPath ?? entry.path, entry.name).slice(ROOT.length));
    }
  }
  return Object.fromEntries(files.sort().map((file) => [file, hash(readFileSync(join(ROOT, file)))]));
}

function isBuilt() {
  const stamp = readJson(BUILD_STAMP);
  return stamp !== undefined && JSON.stringify(stamp) === JSON.stringify(sources());
}

async function compile(say) {
  const begun = Date.now();
  say('building');
  const now = sources();
  removeOutputsOf(Object.keys(readJson(BUILD_STAMP) ?? {}).filter((file) => !(file in now)));
  rmSync(BUILD_STAMP, { force: true });
  // Without its outputs the compiler's own record would make it skip them.
  if (!existsSync(join(ROOT, 'dist', 'src'))) rmSync(join(ROOT, 'dist', '.tsbuildinfo'), { force: true });
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  const code = await run(process.execPath, [tsc, '-p', 'tsconfig.build.json'], process.env, () =>
    say(`building, ${Math.round((Date.now() - begun) / 1000)} s`),
  );
  if (code !== 0) throw bootstrapError('RTV_BOOTSTRAP_BUILD', 'the compiler found errors; they are above.');
  writeFileSync(BUILD_STAMP, JSON.stringify(now));
  say(`built in ${((Date.now() - begun) / 1000).toFixed(1)} s`);
}

/** A source that is gone must not live on in dist. */
function removeOutputsOf(files) {
  for (const file of files.filter((name) => name.endsWith('.ts'))) {
    const output = join(ROOT, 'dist', file.slice(0, -'.ts'.length));
    for (const ending of ['.js', '.js.map', '.d.ts']) rmSync(output + ending, { force: true });
  }
}

function run(command, args, env, tick) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'inherit'] });
    const timer = setInterval(tick, TELL_MS);
    child.once('error', (error) => {
      clearInterval(timer);
      reject(bootstrapError('RTV_BOOTSTRAP_RUN', `${command} could not be started: ${error.message}`));
    });
    child.once('exit', (code, signal) => {
      clearInterval(timer);
      resolve(signal ?? code);
    });
  });
}

/** One start at a time installs and builds; the others wait for it. A dead one's lock is taken over. */
async function takeLock(say) {
  mkdirSync(dirname(LOCK), { recursive: true, mode: 0o700 });
  let told = false;
  for (;;) {
    try {
      writeFileSync(LOCK, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    const holder = lockHolder();
    if (holder === undefined ? lockAge() > NAMELESS_MS : !isAlive(holder)) {
      rmSync(LOCK, { force: true });
      continue;
    }
    if (!told) say(`waiting for another start (process ${holder ?? 'unknown'}) to install and build`);
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return () => rmSync(LOCK, { force: true });
}

function lockHolder() {
  try {
    const pid = Number(readFileSync(LOCK, 'utf8'));
    return pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function lockAge() {
  try {
    return Date.now() - statSync(LOCK).mtimeMs;
  } catch {
    return 0;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
