/**
 * What a running local stack says about itself: `<stateDir>/stack.json`. The runner writes it, the command
 * line and the tools read it. It holds no secret; those lie beside it in `secrets.json` (mode 0600).
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** A worker: its app and its sidecar. A pid is null while that process is being started again. */
export interface StackWorker {
  readonly id: string;
  /** Base URL of the worker's public port, past the front door. */
  readonly url: string;
  readonly daprHttpPort: number;
  readonly pids: { readonly app: number | null; readonly daprd: number | null };
}

/** A process and what tells it from a later one with the same pid. */
export interface ProcessRecord {
  readonly name: string;
  readonly pid: number;
  readonly startTime: string;
  /** Base name of the program. */
  readonly command: string;
}

/** Contents of stack.json. */
export interface StackInfo {
  readonly ready: boolean;
  readonly incomingUrl: string;
  readonly publicBaseUrl: string;
  /** Where the front door listens; differs from publicBaseUrl behind a tunnel. */
  readonly frontDoorUrl: string;
  readonly workers: readonly StackWorker[];
  readonly acs: { readonly endpoint: string; readonly simulator: boolean; readonly controlUrl?: string };
  readonly redis: { readonly host: string; readonly port: number };
  readonly cosmos: { readonly endpoint: string; readonly standin: boolean };
  /** The process that runs the stack; null after it ended in good order. */
  readonly runner: ProcessRecord | null;
  readonly children: readonly ProcessRecord[];
  /** Ports in use by name, preferred again at the next start: callbacks under way find their way back. */
  readonly ports: Readonly<Record<string, number>>;
  readonly logsDir: string;
}

/** State folder of the stack: RTVOICE_STATE_DIR, else `.rtvoice` in the working directory. */
export function stateDirOf(env: Readonly<Record<string, string | undefined>>, cwd = process.cwd()): string {
  return resolve(cwd, env.RTVOICE_STATE_DIR || '.rtvoice');
}

export function stackFilePath(stateDir: string): string {
  return join(stateDir, 'stack.json');
}

/**
 * Reads stack.json. `ready` is true only while the runner lives, whatever the file says.
 * @returns undefined where there is none, or none that can be read.
 */
export function readStack(stateDir: string): StackInfo | undefined {
  try {
    const info = JSON.parse(readFileSync(stackFilePath(stateDir), 'utf8')) as StackInfo;
    if (!Array.isArray(info.workers) || !Array.isArray(info.children)) return undefined;
    return info.ready && !isSameProcess(info.runner) ? { ...info, ready: false } : info;
  } catch {
    return undefined;
  }
}

/** True while exactly the recorded process lives (not another one with its pid). */
export function isSameProcess(record: ProcessRecord | null): boolean {
  return record !== null && record.startTime !== '' && startTimeOf(record.pid) === record.startTime;
}

/**
 * When a process was started, in the kernel's own words, to tell it from a later one with the same pid.
 * @returns undefined when there is no such process, or it has ended and only waits to be reaped.
 */
export function startTimeOf(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux') {
      const line = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim();
      return line === '' ? undefined : line;
    }
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets and may hold anything, blanks and brackets too.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state] = fields;
    return state === 'Z' || state === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
