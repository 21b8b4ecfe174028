/** A rolling restart of every worker under live calls, and what it cost, seen from outside. */
import { setTimeout as sleep } from 'node:timers/promises';
import { revealTranscript } from '../../src/actors/call-record.js';
import type { HeardView } from '../../src/simulator/control/views.js';
import type { CallResult } from '../../src/simulator/core/report.js';
import { eventually, type StackView } from '../support/stack.js';
import type { Scene } from './kill.js';

/** A worker's patience and some room, ms. */
const END_WITHIN_MS = 40_000;
/** Between two workers, ms: a platform looks whether the new one stays up. */
const STAYS_UP_MS = 2_000;

/** Ends worker after worker with SIGTERM, app and sidecar at once, and starts it again. @returns its span, Unix ms */
export async function rollingRestart({ stack }: Scene): Promise<{ fromMs: number; untilMs: number }> {
  const fromMs = Date.now();
  for (let number = 1; number <= stack.info.workers.length; number += 1) {
    const worker = stack.worker(number);
    await Promise.all([
      worker.down('app', 'SIGTERM', END_WITHIN_MS),
      worker.down('daprd', 'SIGTERM', END_WITHIN_MS),
    ]);
    worker.up('app');
    worker.up('daprd');
    await stack.waitReady(60_000);
    await sleep(STAYS_UP_MS);
  }
  return { fromMs, untilMs: Date.now() };
}

export interface RollCost {
  readonly callsLost: number;
  readonly turnsLost: number;
  readonly turnsDoubled: number;
  readonly unanswered: number;
  readonly stolenFrames: number;
}

/** What became of calls that were meant to say `texts`. */
export async function costOf(
  view: StackView,
  results: readonly CallResult[],
  texts: readonly string[],
): Promise<RollCost> {
  let [turnsLost, turnsDoubled, stolenFrames] = [0, 0, 0];
  for (const { callConnectionId, turns } of results) {
    const meant = turns.filter(({ role }) => role === 'user').length;
    const said = await saidIn(view, callConnectionId);
    const expected = texts.slice(0, meant);
    turnsDoubled += said.length - new Set(said).size;
    turnsLost += expected.filter((text) => !said.includes(text)).length;
    stolenFrames += (await view.simulator.heard(callConnectionId)).staleFrames;
  }
  return {
    callsLost: results.filter(({ outcome }) => outcome !== 'completed').length,
    turnsLost,
    turnsDoubled,
    unanswered: results.reduce((sum, { noReplies }) => sum + noReplies, 0),
    stolenFrames,
  };
}

/** The caller's turns as the archive has them once the call is closed. */
async function saidIn(view: StackView, call: string): Promise<string[]> {
  const { turns } = await eventually(
    'the transcript is closed',
    async () => {
      const transcript = await view.transcript(call);
      return transcript.summaries.length > 0 && transcript;
    },
    120_000,
  );
  return turns
    .filter(({ role }) => role === 'user')
    .map(({ turnId, transcript }) => revealTranscript(view.seal, call, turnId, transcript));
}

export const heardOf = (view: StackView, results: readonly CallResult[]): Promise<HeardView[]> =>
  Promise.all(results.map(({ callConnectionId }) => view.simulator.heard(callConnectionId)));
