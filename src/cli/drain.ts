/** rtvoice drain: takes a worker out of service in good order, as SIGTERM does, and follows it until it has no work. */
import { Command } from 'commander';
import type { DrainProgress } from '../http/drain-api.js';
import { readStack, stateDirOf } from '../ops/stack-file.js';
import { ApiFailure, type ApiFlags, apiFlags, ask, EXIT, print, run } from './api.js';

interface DrainFlags extends ApiFlags {
  readonly end?: boolean;
  readonly wait: string;
}

const LOOK_MS = 250;

export function drainCommand(): Command {
  return apiFlags(new Command('drain'))
    .description('no new calls for a worker, its live calls move to others, its actors follow')
    .argument('[worker]', 'its name; may be left out where there is one worker, or with --api')
    .option('--end', 'the process ends once it is drained')
    .option('--wait <seconds>', 'follow it for so long; 0 returns at once', '120')
    .action((worker: string | undefined, flags: DrainFlags) => run(() => drain(worker, flags)));
}

async function drain(worker: string | undefined, flags: DrainFlags): Promise<void> {
  const waitMs = Number(flags.wait) * 1_000;
  if (!(waitMs >= 0)) throw new ApiFailure('--wait takes seconds', EXIT.usage);
  const base = addressOf(worker, flags.api);
  const body = { ...(worker ? { worker } : {}), ...(flags.end ? { end: true } : {}) };
  let progress = (await ask(base, 'POST', '/admin/drain', body)) as DrainProgress;
  const until = performance.now() + waitMs;
  while (progress.state !== 'drained' && performance.now() < until) {
    if (!flags.json) process.stderr.write(`${lineOf(progress)}\n`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const next = await ask(base, 'GET', '/admin/drain').catch((thrown: unknown) => {
      // It has ended, as it was told to.
      if (flags.end && thrown instanceof ApiFailure && thrown.exit === EXIT.unreachable) return undefined;
      throw thrown;
    });
    progress = (next ?? { ...progress, state: 'drained', calls: 0, actors: 0 }) as DrainProgress;
  }
  print(flags, progress, lineOf(progress));
  if (progress.state !== 'drained' && waitMs > 0) process.exitCode = EXIT.failed;
}

const lineOf = ({ worker, state, calls, actors }: DrainProgress): string =>
  `${worker}  ${state}  ${calls} calls  ${actors} actors`;

/** Where the worker itself listens: the front door would pass the request to any of them. */
function addressOf(worker: string | undefined, api: string | undefined): string {
  if (api) return api;
  const workers = readStack(stateDirOf(process.env))?.workers;
  if (!workers)
    throw new ApiFailure('no stack is running here; name a worker with --api URL', EXIT.unreachable);
  const found = worker
    ? workers.find(({ id }) => id === worker)
    : workers.length === 1
      ? workers[0]
      : undefined;
  if (found) return found.url;
  throw new ApiFailure(`name one of ${workers.map(({ id }) => id).join(', ')}`, EXIT.usage);
}
