/** A stack whose network can be cut and whose health probes can be answered falsely, as the chaos suite has it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Stack, startStack } from '../../tools/stack/stack.js';
import type { Network } from '../chaos/network.js';
import { Recorder } from '../chaos/recorder.js';
import { RunLog } from '../chaos/run-log.js';
import { openWiring, type Wiring } from '../chaos/wiring.js';
import { workerPids } from '../chaos/worker-pids.js';
import { StackView, testEnvironment } from '../support/stack.js';

export interface WiredStack {
  readonly stack: Stack;
  readonly view: StackView;
  readonly network: Network;
  readonly recorder: Recorder;
  remove(): Promise<void>;
}

export async function startWiredStack(options: {
  readonly workers: number;
  readonly say?: (line: string) => void;
  readonly signal?: AbortSignal;
}): Promise<WiredStack> {
  const stateDir = await mkdtemp(join(tmpdir(), 'rtvoice-wired-'));
  const log = new RunLog(join(stateDir, 'run.jsonl'));
  const recorder = new Recorder(log);
  let wiring: Wiring | undefined;
  const close = async (): Promise<void> => {
    await wiring?.close();
    await log.close();
    if (!process.env.RTVOICE_KEEP) await rm(stateDir, { recursive: true, force: true });
  };
  try {
    const stack = await startStack({
      ...options,
      stateDir,
      env: testEnvironment(),
      readyWithinMs: 120_000,
      detours: async (layout) => {
        wiring = await openWiring(layout, recorder, { pids: () => workerPids(stateDir) });
        return wiring.detours;
      },
    });
    const view = await StackView.open(stateDir);
    if (!wiring) throw new Error('the stack took no detours');
    return {
      stack,
      view,
      network: wiring.network,
      recorder,
      async remove() {
        await view.close();
        await stack.stop();
        await close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
