import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSameProcess, type ProcessRecord, type StackInfo } from '../../src/ops/stack-file.js';

const TERM_MS = 3000;

/**
 * Ends what an earlier runner left behind when it was killed. A process is touched only if pid, start time and
 * program are the recorded ones.
 * @returns how many were found.
 */
export async function endStale(info: StackInfo | undefined): Promise<number> {
  const left = (info?.children ?? []).filter((record) => isSameProcess(record) && runs(record));
  for (const { pid } of left) signal(pid, 'SIGTERM');
  const deadline = Date.now() + TERM_MS;
  while (left.some(isSameProcess)) {
    if (Date.now() > deadline)
      for (const record of left) if (isSameProcess(record)) signal(record.pid, 'SIGKILL');
    await sleep(25);
  }
  return left.length;
}

function runs({ pid, command }: ProcessRecord): boolean {
  try {
    const line =
      process.platform === 'linux'
        ? readFileSync(`/proc/${pid}/cmdline`, 'utf8')
        : execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
    return line.includes(command);
  } catch {
    return false;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has just ended by itself.
  }
}
