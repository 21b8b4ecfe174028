/** A worker that is gone for a while and comes back: stopped, cut off, or said to be unhealthy. What it cost, from outside. */
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../support/stack.js';
import { heardAgainAfter } from './far-end.js';
import type { Scene } from './kill.js';
import { at, whereabouts } from './whereabouts.js';
import type { WiredStack } from './wired.js';

export type Absence = 'pause' | 'cut' | 'unhealthy';

export interface AbsenceCost {
  /** Calls that had their audio at the worker. */
  readonly calls: number;
  /** Until their callers heard the agent from another worker, ms; none for a worker that kept its audio. */
  readonly heardMs: readonly number[];
  /** Calls that were not heard again within 30 s. */
  readonly notHeard: number;
}

const WITHIN_MS = 30_000;

/** Takes a worker away for so long and waits until its calls are heard again. */
export async function absent(
  scene: Scene,
  wired: WiredStack,
  number: number,
  kind: Absence,
  forMs: number,
): Promise<AbsenceCost> {
  const { view, talkers } = scene;
  const worker = scene.stack.worker(number);
  const where = await whereabouts(view, talkers.live);
  const live = new Set(talkers.live);
  const calls = at(where.audio, worker.id).filter((call) => live.has(call));
  const since = Date.now();
  const back = away(wired, number, kind);
  try {
    // A worker whose health probe fails keeps its audio: only its actors move.
    const heard =
      kind === 'unhealthy' ? [] : await Promise.all(calls.map((call) => heardAgain(scene, call, since)));
    await sleep(Math.max(0, since + forMs - Date.now()));
    return {
      calls: calls.length,
      heardMs: heard.flatMap((ms) => ms ?? []),
      notHeard: heard.filter((ms) => ms === undefined).length,
    };
  } finally {
    back();
  }
}

/** Takes the worker away; the returned function brings it back. */
function away({ stack, network, recorder }: WiredStack, number: number, kind: Absence): () => void {
  if (kind === 'pause') {
    const pid = stack.worker(number).pid('app');
    stack.worker(number).kill('app', 'SIGSTOP');
    return () => {
      if (stack.worker(number).pid('app') === pid) stack.worker(number).kill('app', 'SIGCONT');
    };
  }
  if (kind === 'cut') {
    network.cut(number);
    return () => network.heal(number);
  }
  recorder.setHealthy(number, false);
  return () => recorder.setHealthy(number, true);
}

async function heardAgain({ view }: Scene, call: string, since: number): Promise<number | undefined> {
  return eventually(
    'the agent is heard again',
    async () => heardAgainAfter(since, await view.simulator.heard(call, since)),
    WITHIN_MS,
    150,
  ).catch(() => undefined);
}

/** Turns that proxies beside the workers saw acknowledged as durable in two lives of their call. */
export function acknowledgedTwice({ recorder }: WiredStack): string[] {
  const seen = new Map<string, Set<string>>();
  for (const { turnId, durable, incarnation } of recorder.turns) {
    if (durable) seen.set(turnId, (seen.get(turnId) ?? new Set()).add(incarnation));
  }
  return [...seen].filter(([, lineages]) => lineages.size > 1).map(([turnId]) => turnId);
}

export interface Voices {
  /** Audible frames of an older socket after a newer one had spoken. */
  readonly staleFrames: number;
  /** Frames of the callers' timelines in which two sockets were heard. */
  readonly overlapFrames: number;
}

/** Over all calls: whether there was more than one voice at any moment. */
export async function voicesOf({ view }: Scene, calls: readonly string[]): Promise<Voices> {
  const heard = await Promise.all(calls.map((call) => view.simulator.heard(call)));
  return {
    staleFrames: heard.reduce((sum, one) => sum + one.staleFrames, 0),
    overlapFrames: heard.reduce((sum, one) => sum + one.overlapFrames, 0),
  };
}

export interface TranscriptFaults {
  readonly turnsDoubled: number;
  readonly disordered: number;
}

/** The transcripts of calls that are over: turns that stand twice, numbers with gaps. */
export async function recordOf({ view }: Scene, calls: readonly string[]): Promise<TranscriptFaults> {
  let [turnsDoubled, disordered] = [0, 0];
  for (const call of calls) {
    const { turns } = await eventually(
      'the transcript is closed',
      async () => {
        const transcript = await view.transcript(call);
        return transcript.summaries.length > 0 && transcript;
      },
      120_000,
    );
    turnsDoubled += turns.length - new Set(turns.map(({ turnId }) => turnId)).size;
    disordered += turns.filter(({ seq }, index) => seq !== index + 1).length;
  }
  return { turnsDoubled, disordered };
}
