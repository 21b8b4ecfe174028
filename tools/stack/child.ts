import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync } from 'node:fs';
import { basename } from 'node:path';
import { type ProcessRecord, startTimeOf } from '../../src/ops/stack-file.js';
import { LogFile } from './log-file.js';

/** How to start one process of the stack. */
export interface ChildSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly logFile: string;
}

/** Delays between restarts, as Kubernetes' CrashLoopBackOff doubles them, from a shorter beginning. */
export interface Backoff {
  readonly firstMs: number;
  readonly capMs: number;
  /** A process that lived this long begins again with firstMs. */
  readonly stableMs: number;
}

const DEFAULT_BACKOFF: Backoff = { firstMs: 500, capMs: 30_000, stableMs: 30_000 };

export interface ChildEvents {
  /** A pid came or went. */
  onChange?(): void;
  say?(line: string): void;
}

const SETPRIV = 'setpriv';
const ON_PARENT_DEATH = ['--pdeathsig', 'KILL'];
let pdeathsig: boolean | undefined;

/**
 * Where util-linux is at hand, the kernel ends a child whose runner was killed. It only sets a flag and
 * becomes the program itself: same pid, no process more.
 */
function prefix(): string[] {
  pdeathsig ??= process.platform === 'linux' && spawnSync(SETPRIV, [...ON_PARENT_DEATH, 'true']).status === 0;
  return pdeathsig ? [SETPRIV, ...ON_PARENT_DEATH, '--'] : [];
}

/** A process that is started again when it ends by itself. */
export class Child {
  readonly log: LogFile;
  #process: ChildProcess | undefined;
  #record: ProcessRecord | undefined;
  #wanted = false;
  #timer: NodeJS.Timeout | undefined;
  #startedAt = 0;
  #failures = 0;
  #exits = 0;
  #lastEnd = '';

  constructor(
    readonly spec: ChildSpec,
    private readonly events: ChildEvents = {},
    private readonly backoff: Backoff = DEFAULT_BACKOFF,
  ) {
    this.log = new LogFile(spec.logFile);
  }

  get name(): string {
    return this.spec.name;
  }

  get pid(): number | null {
    return this.#process?.pid ?? null;
  }

  /** What stack.json keeps, so that a later start finds it should the runner be killed. */
  get record(): ProcessRecord | undefined {
    return this.#record;
  }

  /** How often it has ended without being asked to. */
  get exits(): number {
    return this.#exits;
  }

  /** In words: how it ended the last time. */
  get lastEnd(): string {
    return this.#lastEnd;
  }

  start(): void {
    this.#wanted = true;
    if (!this.#process && !this.#timer) this.#spawn();
  }

  /** Sends a signal to the process as it is now; it is started again if it ends of it. */
  kill(signal: NodeJS.Signals): boolean {
    return this.#process?.kill(signal) ?? false;
  }

  /** Ends it for good (until start() is called): a signal, and after graceMs SIGKILL. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', graceMs = 5000): Promise<void> {
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const running = this.#process;
    if (!running) return;
    await new Promise<void>((resolve) => {
      const last = setTimeout(() => this.killGroup(), graceMs);
      running.once('exit', () => {
        clearTimeout(last);
        resolve();
      });
      if (this.#process !== running) resolve();
      else running.kill(signal);
    });
  }

  /** SIGKILL to it and to what it started. Also from an exit handler: nothing is awaited. */
  killGroup(): void {
    this.#wanted = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const pid = this.#process?.pid;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      this.#process?.kill('SIGKILL');
    }
  }

  #spawn(): void {
    const { command, args, cwd, env } = this.spec;
    const [program = command, ...before] = prefix();
    const words = program === command ? [...args] : [...before, command, ...args];
    const output = this.log.open();
    // A process group of its own: Ctrl-C in the terminal reaches the runner alone, which ends the children in order.
    const started = spawn(program, words, { cwd, env, detached: true, stdio: ['ignore', output, output] });
    closeSync(output);
    this.#process = started;
    this.#startedAt = Date.now();
    if (started.pid !== undefined) {
      const startTime = startTimeOf(started.pid) ?? '';
      this.#record = { name: this.name, pid: started.pid, startTime, command: basename(command) };
    }
    let ended = false;
    const onEnd = (how: string): void => {
      if (ended) return;
      ended = true;
      this.#ended(how);
    };
    started.once('error', (error) => onEnd(`could not be started: ${error.message}`));
    started.once('exit', (code, signal) =>
      onEnd(signal ? `ended by ${signal}` : `ended with exit code ${code}`),
    );
    this.events.onChange?.();
  }

  #ended(how: string): void {
    this.#process = undefined;
    this.#record = undefined;
    this.#lastEnd = how;
    if (this.#wanted) {
      this.#exits += 1;
      if (Date.now() - this.#startedAt >= this.backoff.stableMs) this.#failures = 0;
      const delay = Math.min(this.backoff.firstMs * 2 ** this.#failures, this.backoff.capMs);
      this.#failures += 1;
      this.events.say?.(
        `${this.name} ${how}; starting it again in ${delay / 1000} s (log: ${this.log.path})`,
      );
      this.#timer = setTimeout(() => {
        this.#timer = undefined;
        this.#spawn();
      }, delay);
    }
    this.events.onChange?.();
  }
}
