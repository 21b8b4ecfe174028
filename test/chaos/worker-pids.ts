import { readStack } from '../../src/ops/stack-file.js';

/**
 * Processes of each worker, by number, as stack.json has them: from the first moment on, since the connections that a
 * worker makes while it starts are those that it keeps.
 */
export function workerPids(stateDir: string): ReadonlyMap<number, readonly number[]> {
  const workers = readStack(stateDir)?.workers ?? [];
  return new Map(
    workers.map(({ pids }, index) => [index + 1, [pids.app, pids.daprd].filter((pid) => pid !== null)]),
  );
}
