/**
 * Calls per core: the number of calls over the cores that the worker's process used, threads included, at the highest
 * load that it and the callers still held (docs/capacity.md). Ingest alone, then with an agent that talks all the time.
 */
import { figure, type Row } from '../frame.js';
import { Host } from './host-control.js';
import { coresUsed, holds, type LoadRun, runLoad } from './load.js';
import { describe } from './playout.js';

export interface CapacityOptions {
  /** Load begins here … */
  readonly calls: number;
  readonly seconds: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** … and rises by this factor until it does not hold, or falls by it until it does. */
const FACTOR = 1.5;
const MOST_STEPS = 5;
const KINDS = [
  { name: 'ingest', agentTalks: false },
  { name: 'playout', agentTalks: true },
] as const;

export async function capacity({ calls, seconds, say, signal }: CapacityOptions): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { name, agentTalks } of KINDS) {
    const host = await Host.start({ bargeIn: false });
    try {
      const { held, best } = await climb(async (count) => {
        signal.throwIfAborted();
        const run = await runLoad(host, { calls: count, seconds, agentTalks }, signal);
        say(`${name}: ${describe(run)}`);
        return run;
      }, calls);
      if (!held) say(`${name}: NO LOAD WAS HELD; the figures are of the lightest one`);
      rows.push(
        figure(`calls_per_core_${name}`, 'calls', best.calls / coresUsed(best)),
        figure(`calls_held_${name}`, 'calls', held ? best.calls : 0),
        figure(`cores_at_that_load_${name}`, 'cores', coresUsed(best)),
        figure(
          `frames_at_that_load_${name}`,
          'frames',
          best.callers.framesSent + best.callers.framesReceived,
        ),
        figure(`frames_lost_${name}`, 'frames', best.lost.in + best.lost.out),
      );
    } finally {
      await host.stop();
    }
  }
  return rows;
}

/** @returns the highest load that was held; where none was, the lightest that was tried */
async function climb(
  one: (calls: number) => Promise<LoadRun>,
  from: number,
): Promise<{ held: boolean; best: LoadRun }> {
  let best = await one(from);
  let held = holds(best);
  const up = held;
  for (let step = 1; step < MOST_STEPS; step += 1) {
    const next = await one(Math.max(1, Math.round(up ? best.calls * FACTOR : best.calls / FACTOR)));
    const good = holds(next);
    // Up until one does not hold; down until one does.
    if (up && !good) break;
    best = next;
    held = good;
    if (!up && good) break;
  }
  return { held, best };
}
