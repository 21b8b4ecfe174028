import { spawn } from 'node:child_process';
import { access, constants, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** The variables a part is resolved with: process.env, or a test's own. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** How a command ended. `code` is null when it could not be started, was killed or ran out of time. */
export interface RunResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Options of {@link run}. */
export interface RunOptions {
  env: Environment;
  /** ms; the command is killed after it. */
  timeoutMs: number;
  cwd?: string;
  signal?: AbortSignal | undefined;
  /** Called with each whole line the command writes, to stdout or stderr. */
  onLine?: (line: string) => void;
}

/** Kept of each output stream: its last 64 KiB. */
const KEPT_CHARS = 64 * 1024;

/** Runs a command to its end without a shell. Never rejects: a failure to start is `code: null`. */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<RunResult> {
  return new Promise((resolve) => {
    const result: RunResult = { code: null, stdout: '', stderr: '' };
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    for (const stream of ['stdout', 'stderr'] as const) {
      let line = '';
      child[stream].setEncoding('utf8').on('data', (text: string) => {
        result[stream] = (result[stream] + text).slice(-KEPT_CHARS);
        if (!options.onLine) return;
        const lines = (line + text).split(/\r?\n/);
        line = (lines.pop() ?? '').slice(-KEPT_CHARS);
        for (const whole of lines) options.onLine(whole);
      });
    }
    child.once('error', (error) => {
      result.stderr ||= error.message;
      resolve(result);
    });
    child.once('close', (code) => resolve({ ...result, code }));
  });
}

/** Whether a file is there and may be executed. */
export async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}

/** The absolute folders of PATH, in order. */
export function pathFolders(env: Environment): string[] {
  return (env.PATH ?? '').split(delimiter).filter((folder) => folder.startsWith('/'));
}

/** The first executable of that name on PATH. */
export async function onPath(name: string, env: Environment): Promise<string | undefined> {
  for (const folder of pathFolders(env)) {
    const file = join(folder, name);
    if (await isExecutable(file)) return file;
  }
  return undefined;
}
