import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readStack, stackFilePath, startTimeOf } from '../../src/ops/stack-file.js';
import { readDescription } from './description.js';
import { type Detours, via } from './detours.js';
import { StackError } from './error.js';
import { Family } from './family.js';
import { writeAtomically } from './files.js';
import { makeHandle, type Stack } from './handle.js';
import { layOut } from './layout.js';
import { type Dapr, resolveDapr } from './parts/dapr.js';
import { tryLock } from './parts/lock.js';
import { type ExternalRedis, type RedisCommand, resolveRedis } from './parts/redis.js';
import { endPhases, infoOf, makePlan } from './plan.js';
import { PortBook } from './ports.js';
import { provision } from './provision.js';
import { controlChecks, frontDoorCheck, hopeless, storeChecks, workerChecks } from './readiness.js';
import { loadSecrets } from './secrets.js';
import { type Commands, type Environment, readRunnerSettings } from './settings.js';
import * as specs from './specs.js';
import { endStale } from './stale.js';
import { type Check, waitFor } from './waiting.js';

export type { Stack } from './handle.js';

export interface StackOptions {
  /** How many workers (app and sidecar each); 2 unless given. */
  readonly workers?: number;
  /** Folder for data, logs, secrets.json and stack.json. */
  readonly stateDir: string;
  /** Settings over those of this process; an undefined one is taken away. */
  readonly env?: Environment;
  readonly say?: (line: string) => void;
  /** Gives up starting. */
  readonly signal?: AbortSignal;
  readonly readyWithinMs?: number;
  /** Other programs in the place of ours, for tests of the runner itself. */
  readonly commands?: Commands;
  /** Proxies between the parts, for tests that watch or cut the ways. */
  readonly detours?: Detours;
}

interface Run {
  readonly plan: specs.Plan;
  readonly family: Family;
  readonly dapr: Dapr;
  readonly redis: ExternalRedis | RedisCommand;
  wait(checks: readonly Check[], deadlineMs?: number): Promise<void>;
}

/** From dist/tools/stack, and from tools/stack where the sources are run as they are. */
const ROOT = fileURLToPath(
  new URL(import.meta.url.includes('/dist/') ? '../../../' : '../../', import.meta.url),
);
const READY_MS = 90_000;
const EXTERNAL_MS = 5000;
const STORES_GRACE_MS = 8000;

/**
 * Starts the local stack and waits until it is ready. What the environment names (REDIS_HOST, COSMOS_ENDPOINT,
 * ACS_CONNECTION_STRING) is used instead of a part of our own.
 * @throws StackError with an RTV_STACK_* code; nothing is left running then.
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const say = options.say ?? (() => undefined);
  const stateDir = resolve(options.stateDir);
  const env: Environment = { ...process.env, ...options.env };
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const unlock = await tryLock(join(stateDir, 'runner.lock'));
  if (typeof unlock !== 'function') {
    throw new StackError(
      'RTV_STACK_ALREADY_RUNNING',
      `process ${unlock.heldBy} runs a stack in ${stateDir}. End it, or set RTVOICE_STATE_DIR (--state) to another folder.`,
    );
  }
  const book = new PortBook();
  const release = async (): Promise<void> => {
    await book.releaseAll();
    await unlock();
  };

  let ready = false;
  let running = true;
  try {
    const settings = readRunnerSettings(env);
    const app = readDescription(ROOT);
    const last = readStack(stateDir);
    const ended = await endStale(last);
    if (ended > 0) say(`ended ${ended} processes that an earlier run had left behind`);
    const secrets = loadSecrets(stateDir);
    const common = { say, env, ...(options.signal ? { signal: options.signal } : {}) };
    const [dapr, redis] = await Promise.all([
      resolveDapr(common),
      resolveRedis({ ...common, stateDir, password: secrets.redisPassword }),
    ]);
    const layout = await layOut(app, options.workers ?? 2, settings, book, last?.ports);
    const commands = options.commands ?? {};
    const given = { root: ROOT, stateDir, env, app, settings, secrets, layout, redis, commands };
    const detours = await options.detours?.(layout);
    const plan = makePlan(detours ? { ...given, detours } : given);

    const startTime = startTimeOf(process.pid) ?? '';
    const runner = { name: 'runner', pid: process.pid, startTime, command: 'node' };
    const info = () => infoOf(plan, family, ready, running ? runner : null);
    const write = (): void =>
      writeAtomically(stackFilePath(stateDir), `${JSON.stringify(info(), null, 2)}\n`);
    const family = new Family(write, say);
    const wait: Run['wait'] = (checks, deadlineMs = options.readyWithinMs ?? READY_MS) =>
      waitFor(checks, {
        deadlineMs,
        say,
        failure() {
          if (options.signal?.aborted) return new StackError('RTV_STACK_STOPPED', 'stopped while starting');
          return ready ? undefined : hopeless(family.all());
        },
      });
    let stopped: Promise<void> | undefined;
    const stop = (): Promise<void> => {
      stopped ??= (async () => {
        ready = false;
        await family.end(endPhases(plan), STORES_GRACE_MS);
        running = false;
        write();
        await release();
      })();
      return stopped;
    };

    try {
      await bringUp({ plan, family, dapr, redis, wait });
      ready = true;
      write();
    } catch (error) {
      await stop();
      throw error;
    }
    const waitReady = (withinMs?: number): Promise<void> =>
      wait(
        layout.workers.flatMap((ports) => workerChecks(plan, ports)),
        withinMs,
      );
    return makeHandle(plan, family, { info, stop, waitReady });
  } catch (error) {
    if (running) await release();
    throw error;
  }
}

/** Starts all in the order in which they need one another, and waits for them. */
async function bringUp({ plan, family, dapr, redis, wait }: Run): Promise<void> {
  const { layout } = plan;
  const urls = layout.workers.map(
    (ports) => `http://127.0.0.1:${via(plan, `${ports.id}-public`, ports.public)}`,
  );
  writeAtomically(plan.upstreamsFile, JSON.stringify(urls));
  if (redis.kind === 'command') {
    family.start(specs.spec(plan, 'redis', [redis.command, ...redis.args(layout.redis)]));
  }
  if (plan.cosmos.standin) family.start(specs.cosmosSpec(plan));
  family.start(specs.placementSpec(plan, dapr.placement), specs.schedulerSpec(plan, dapr.scheduler));
  if (plan.acs.simulator) family.start(specs.simulatorSpec(plan));
  family.start(specs.frontDoorSpec(plan));

  const external = storeChecks(plan).filter(({ name }) =>
    name === 'redis' ? redis.kind === 'external' : !plan.cosmos.standin,
  );
  await wait(external, EXTERNAL_MS).catch((error: unknown) => {
    if (!(error instanceof StackError) || error.code !== 'RTV_STACK_NOT_READY') throw error;
    throw new StackError(
      'RTV_STACK_STORE_REFUSED',
      `no connection to what the environment names: ${error.message}`,
    );
  });
  await wait(storeChecks(plan));
  family.start(...layout.workers.map((ports) => specs.workerSpec(plan, ports)));
  const [first] = layout.workers;
  if (first) {
    const env = specs.workerEnv(plan, first);
    // A sidecar ends at once when its container is missing.
    await provision({
      endpoint: plan.cosmos.endpoint,
      key: env.COSMOS_KEY ?? '',
      database: env.COSMOS_DATABASE ?? 'rtvoice',
    });
  }
  family.start(...layout.workers.map((ports) => specs.daprdSpec(plan, ports, dapr.daprd)));
  const workers = layout.workers.flatMap((ports) => workerChecks(plan, ports));
  await wait([...controlChecks(plan), ...workers, frontDoorCheck(plan)]);
}
