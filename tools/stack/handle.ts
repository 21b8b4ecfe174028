import type { StackInfo } from '../../src/ops/stack-file.js';
import { StackError } from './error.js';
import type { Family } from './family.js';
import type { WorkerPorts } from './layout.js';
import type { StackSecrets } from './secrets.js';
import { type Plan, workerEnv } from './specs.js';

export type WorkerPart = 'app' | 'daprd';

/** One worker of a running stack, as tests and benches treat it. */
export interface WorkerHandle {
  readonly id: string;
  readonly url: string;
  readonly daprHttpPort: number;
  /** Null while it is down. */
  pid(part: WorkerPart): number | null;
  /** Sends a signal (SIGKILL unless given); the part is started again with backoff if it ends of it. */
  kill(part: WorkerPart, signal?: NodeJS.Signals): boolean;
  /** Ends the part and leaves it down until up(); after graceMs (5 s) with SIGKILL. */
  down(part: WorkerPart, signal?: NodeJS.Signals, graceMs?: number): Promise<void>;
  up(part: WorkerPart): void;
}

/**
 * A running stack. Its children are named redis, cosmos, simulator, placement, scheduler, frontdoor, worker-N
 * and worker-N-daprd.
 */
export interface Stack {
  /** As stack.json has it now. */
  readonly info: StackInfo;
  readonly secrets: StackSecrets;
  readonly stateDir: string;
  /** The environment of worker N (1 unless given): to read a Config from, or to start a tool with. */
  env(worker?: number): Record<string, string | undefined>;
  names(): string[];
  childPid(name: string): number | null;
  kill(name: string, signal?: NodeJS.Signals): boolean;
  down(name: string, signal?: NodeJS.Signals, graceMs?: number): Promise<void>;
  up(name: string): void;
  worker(number: number): WorkerHandle;
  /** Waits until every worker is ready (again). @throws StackError RTV_STACK_NOT_READY */
  waitReady(withinMs?: number): Promise<void>;
  /** Ends all in good order. */
  stop(): Promise<void>;
  /** SIGKILL to all of them at once; stop() is still needed to give back ports and lock. */
  killAll(): void;
}

/** The handle on what was started. */
export function makeHandle(
  plan: Plan,
  family: Family,
  rest: Pick<Stack, 'waitReady' | 'stop'> & { info(): StackInfo },
): Stack {
  const portsOf = (number: number): WorkerPorts => {
    const ports = plan.layout.workers[number - 1];
    if (!ports) throw new StackError('RTV_STACK_ARGUMENTS', `there is no worker ${number}`);
    return ports;
  };
  const stack: Stack = {
    get info() {
      return rest.info();
    },
    secrets: plan.secrets,
    stateDir: plan.stateDir,
    env: (number = 1) => workerEnv(plan, portsOf(number)),
    names: () => family.all().map(({ name }) => name),
    childPid: (name) => family.named(name).pid,
    kill: (name, signal = 'SIGKILL') => family.named(name).kill(signal),
    down: (name, signal = 'SIGKILL', graceMs) => family.named(name).stop(signal, graceMs),
    up: (name) => family.named(name).start(),
    worker(number) {
      const ports = portsOf(number);
      const name = (part: WorkerPart): string => (part === 'app' ? ports.id : `${ports.id}-daprd`);
      return {
        id: ports.id,
        url: `http://127.0.0.1:${ports.public}`,
        daprHttpPort: ports.daprHttp,
        pid: (part) => stack.childPid(name(part)),
        kill: (part, signal) => stack.kill(name(part), signal),
        down: (part, signal, graceMs) => stack.down(name(part), signal, graceMs),
        up: (part) => stack.up(name(part)),
      };
    },
    waitReady: rest.waitReady,
    stop: rest.stop,
    killAll: () => family.killAll(),
  };
  return stack;
}
