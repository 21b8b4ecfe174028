/** Does to a running stack what the plan says, at its times, and sees to it that it passes. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Stack } from '../../tools/stack/handle.js';
import type { DoneFault } from './check/evidence.js';
import type { Network } from './network.js';
import type { PlannedFault } from './plan.js';
import type { Recorder } from './recorder.js';
import type { RunLog } from './run-log.js';

export interface Inflicted {
  readonly stack: Stack;
  readonly network: Network;
  readonly recorder: Recorder;
  readonly log: RunLog;
  readonly signal: AbortSignal;
}

const LOOK_MS = 20;
const BACK_WITHIN_MS = 60_000;

/** Works through a plan. Resolves once all of it has happened and passed. */
export async function inflict(plan: readonly PlannedFault[], on: Inflicted): Promise<DoneFault[]> {
  const begun = performance.now();
  const passing: Promise<DoneFault>[] = [];
  try {
    for (const fault of plan) {
      await sleep(Math.max(0, begun + fault.atMs - performance.now()), undefined, { signal: on.signal });
      const atMs = Date.now();
      on.log.write('fault', { ...fault, fault: fault.kind });
      passing.push(
        strike(fault, on).then((overMs) => {
          on.log.write('passed', { fault: fault.kind, worker: fault.worker, afterMs: overMs - atMs });
          return {
            kind: fault.kind,
            ...(fault.worker === undefined ? {} : { worker: fault.worker }),
            atMs,
            overMs,
          };
        }),
      );
    }
  } finally {
    await Promise.allSettled(passing);
  }
  return Promise.all(passing);
}

/** @returns when it had passed: Unix ms */
async function strike({ kind, worker = 1, forMs = 0 }: PlannedFault, on: Inflicted): Promise<number> {
  const { stack, network, recorder, signal } = on;
  const app = `worker-${worker}`;
  switch (kind) {
    case 'app':
      return killed(stack, [app]);
    case 'sidecar':
      return killed(stack, [`${app}-daprd`]);
    case 'both':
      return killed(stack, [app, `${app}-daprd`]);
    case 'redis':
    case 'cosmos':
    case 'scheduler':
    case 'placement':
      return killed(stack, [kind]);
    case 'pause': {
      const pid = stack.childPid(app);
      stack.kill(app, 'SIGSTOP');
      await sleep(forMs, undefined, { signal }).catch(() => undefined);
      // Another fault may have ended it meanwhile; the one that came after it was not stopped.
      if (stack.childPid(app) === pid) stack.kill(app, 'SIGCONT');
      return Date.now();
    }
    case 'cut':
      network.cut(worker);
      await sleep(forMs, undefined, { signal }).catch(() => undefined);
      network.heal(worker);
      return Date.now();
    case 'healthGap':
      recorder.setHealthy(worker, false);
      await sleep(forMs, undefined, { signal }).catch(() => undefined);
      recorder.setHealthy(worker, true);
      return Date.now();
  }
}

/** SIGKILL; resolves once each of them runs again. */
async function killed(stack: Stack, names: readonly string[]): Promise<number> {
  const before = names.map((name) => stack.childPid(name));
  for (const name of names) stack.kill(name, 'SIGKILL');
  const until = performance.now() + BACK_WITHIN_MS;
  const isBack = (name: string, index: number): boolean => {
    const pid = stack.childPid(name);
    return pid !== null && pid !== before[index];
  };
  while (!names.every(isBack)) {
    if (performance.now() > until) throw new Error(`${names.join(' and ')} did not come back`);
    await sleep(LOOK_MS);
  }
  return Date.now();
}
