import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Gives a lock back. */
export type Release = () => Promise<void>;

const errorCode = (error: unknown): unknown => (error as NodeJS.ErrnoException | null)?.code;

/**
 * Since when a process runs, in clock ticks (/proc/PID/stat field 22), so that a reused pid is not
 * taken for the lock's holder. Empty where there is no /proc; "dead" for a process that was killed
 * but not yet waited for, which still has its pid.
 */
async function startOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? 'dead' : (fields[19] ?? '');
  } catch {
    return '';
  }
}

async function isAlive(owner: string): Promise<boolean> {
  const [pidText = '', start = ''] = owner.split(' ');
  const pid = Number(pidText);
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
  return start === '' || start === (await startOf(pid));
}

/** Takes away the lock of a dead process, unless somebody took it over in between. */
async function removeStale(file: string, owner: string): Promise<void> {
  const aside = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await rename(file, aside);
    if ((await readFile(aside, 'utf8')) !== owner) await link(aside, file);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'EEXIST') throw error;
  } finally {
    await rm(aside, { force: true });
  }
}

/**
 * Takes a lock file for this process. A lock whose process is gone (kill -9) is taken over.
 *
 * @returns its release, or the pid of the live process that holds it.
 */
export async function tryLock(file: string): Promise<Release | { heldBy: number }> {
  const mine = `${process.pid} ${await startOf(process.pid)}`;
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, mine, { mode: 0o600 });
  try {
    for (;;) {
      try {
        // A link appears with its content or not at all.
        await link(draft, file);
        return () => rm(file, { force: true });
      } catch (error) {
        if (errorCode(error) !== 'EEXIST') throw error;
      }
      const owner = await readFile(file, 'utf8').catch(() => undefined);
      if (owner === undefined) continue;
      if (await isAlive(owner)) return { heldBy: Number.parseInt(owner, 10) };
      await removeStale(file, owner);
    }
  } finally {
    await rm(draft, { force: true });
  }
}

/** Takes a lock file, waiting for its holder; `onWait` is called once, when it has to wait. */
export async function waitForLock(
  file: string,
  options: { onWait: (pid: number) => void; signal?: AbortSignal | undefined },
): Promise<Release> {
  let told = false;
  for (;;) {
    const lock = await tryLock(file);
    if (typeof lock === 'function') return lock;
    if (!told) options.onWait(lock.heldBy);
    told = true;
    await sleep(250, undefined, options.signal === undefined ? {} : { signal: options.signal });
  }
}
