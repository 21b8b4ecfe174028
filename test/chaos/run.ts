/** One run of the suite: a stack with a network that can be cut, callers, faults, time to settle, the verdict. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type Stack, startStack } from '../../tools/stack/stack.js';
import { testEnvironment } from '../support/stack.js';
import type { Addresses } from './check/addresses.js';
import { EndWatch } from './check/end-watch.js';
import type { Evidence, LeftOvers } from './check/evidence.js';
import { judge, type Verdict } from './check/judge.js';
import { isClean, leftOversOf } from './check/left-overs.js';
import { type Survival, survivalOf } from './check/survival.js';
import { readTranscripts, storedTranscripts } from './check/transcripts.js';
import { talk } from './crowd.js';
import { inflict } from './inflict.js';
import { type FaultKind, planFaults } from './plan.js';
import { Recorder } from './recorder.js';
import { RunLog } from './run-log.js';
import { openWiring, type Wiring } from './wiring.js';
import { workerPids } from './worker-pids.js';

export interface ChaosOptions {
  readonly seed: number;
  /** How long callers come and faults happen. */
  readonly minutes: number;
  /** Calls at once. */
  readonly calls: number;
  readonly workers: number;
  /** Mean time between two faults, s. */
  readonly every: number;
  /** How long, after the last call, what must go may take to go, minutes. */
  readonly settle: number;
  /** Kinds of faults; all unless given. */
  readonly kinds?: readonly FaultKind[];
}

export interface ChaosReport extends Verdict {
  readonly seed: number;
  readonly minutes: number;
  readonly workers: number;
  readonly atOnce: number;
  readonly ttlMultiplier: number;
  /** s: how long calls went on, and how long it then took until nothing was left. */
  readonly timings: { readonly callsS: number; readonly settledS: number };
  readonly survival: readonly Survival[];
}

export interface ChaosContext {
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Sessions last 90 s beyond their last sign of life, longer than a sweep of the live-call index needs to find one;
 * journals 6 minutes.
 */
const TTL_MULTIPLIER = 0.05;
/** Calls are short here: their reminder comes often enough to be missed. */
const REMINDER_S = 15;
const SETTLE_LOOK_MS = 5_000;
const CLOSED_WITHIN_MS = 180_000;
const CLOSED_LOOK_MS = 500;

/** @throws Error when the run itself could not be carried out; what it found wrong is in the report */
export async function runChaos(options: ChaosOptions, context: ChaosContext): Promise<ChaosReport> {
  const folder = await mkdtemp(join(tmpdir(), 'rtvoice-chaos-'));
  const log = new RunLog(join(folder, 'run.jsonl'));
  let keep = true;
  try {
    const report = await under(folder, log, options, context);
    keep = report.complaints.length > 0 || Boolean(process.env.RTVOICE_KEEP);
    return report;
  } finally {
    await log.close();
    if (keep) context.say(`what was seen: ${log.path}; state and logs beside it`);
    else await rm(folder, { recursive: true, force: true });
  }
}

async function under(
  stateDir: string,
  log: RunLog,
  options: ChaosOptions,
  { say, signal }: ChaosContext,
): Promise<ChaosReport> {
  const recorder = new Recorder(log);
  let stack: Stack | undefined;
  let wiring: Wiring | undefined;
  const pids = () => workerPids(stateDir);
  try {
    stack = await startStack({
      workers: options.workers,
      stateDir,
      env: testEnvironment({
        TTL_MULTIPLIER: String(TTL_MULTIPLIER),
        CALL_REMINDER_S: String(REMINDER_S),
      }),
      say: (line) => log.write('runner', { line }),
      signal,
      readyWithinMs: 120_000,
      detours: async (layout) => {
        wiring = await openWiring(layout, recorder, { pids });
        return wiring.detours;
      },
    });
    if (!wiring) throw new Error('the stack took no detours');
    return await measured({ stack, wiring, recorder, log, options, say, signal });
  } finally {
    await stack?.stop();
    await wiring?.close();
  }
}

interface Run extends ChaosContext {
  readonly stack: Stack;
  readonly wiring: Wiring;
  readonly recorder: Recorder;
  readonly log: RunLog;
  readonly options: ChaosOptions;
}

async function measured(run: Run): Promise<ChaosReport> {
  const { stack, recorder, log, options, say, signal } = run;
  const at = addressesOf(stack);
  const redis = new Redis({ ...at.redis, maxRetriesPerRequest: 1 });
  // It is killed in the course of the run.
  redis.on('error', () => undefined);
  const ends = new EndWatch(redis, at);
  try {
    const durationMs = options.minutes * 60_000;
    const plan = planFaults({
      seed: options.seed,
      durationMs,
      workers: options.workers,
      everyMs: options.every * 1_000,
      ...(options.kinds ? { kinds: options.kinds } : {}),
    });
    say(
      `seed ${options.seed}: ${options.minutes} minutes, ${plan.length} faults, ${options.calls} calls at once`,
    );
    const begun = performance.now();
    const network = run.wiring.network;
    const [calls, faults] = await Promise.all([
      talk({
        simulatorUrl: stack.info.acs.controlUrl ?? stack.info.acs.endpoint,
        incomingUrl: stack.info.incomingUrl,
        seed: options.seed,
        durationMs,
        atOnce: options.calls,
        log,
        signal,
        onEnd: (callId) => ends.ended(callId),
      }),
      inflict(plan, { stack, network, recorder, log, signal }),
    ]);
    const callsS = (performance.now() - begun) / 1_000;
    const ids = calls.filter(({ answered }) => answered).map(({ callId }) => callId);
    say(`${calls.length} calls, ${faults.length} faults; letting it settle`);
    await stack.waitReady(120_000);
    const settling = performance.now();
    await closed(ends, run);
    const leftOvers = await settled(redis, at, ids, run);
    const settledS = (performance.now() - settling) / 1_000;
    const { turns: stored, summaries } = await storedTranscripts(at);
    const evidence: Evidence = {
      calls,
      turns: recorder.turns,
      stored,
      summaries,
      endStates: ends.states,
      transcripts: await readTranscripts(at, ids, stored),
      reminders: recorder.reminders,
      leftOvers,
      faults,
    };
    log.write('evidence', { stored, summaries, endStates: evidence.endStates, leftOvers });
    const verdict = judge(evidence);
    for (const complaint of verdict.complaints)
      log.write('complaint', { ...complaint, about: complaint.kind });
    const lost = verdict.complaints.flatMap(({ kind, turnId }) =>
      kind === 'lost' && turnId ? [turnId] : [],
    );
    return {
      seed: options.seed,
      minutes: options.minutes,
      workers: options.workers,
      atOnce: options.calls,
      ttlMultiplier: TTL_MULTIPLIER,
      ...verdict,
      timings: { callsS: Math.round(callsS), settledS: Math.round(settledS) },
      survival: survivalOf(evidence, new Set(lost)),
    };
  } finally {
    await ends.stop();
    redis.disconnect();
  }
}

/** Waits until every call that is over was seen closed: one whose end ACS did not tell is asked after first. */
async function closed(ends: EndWatch, { say, signal }: Run): Promise<void> {
  const until = performance.now() + CLOSED_WITHIN_MS;
  while (ends.open > 0 && performance.now() < until) await sleep(CLOSED_LOOK_MS, undefined, { signal });
  if (ends.open > 0) say(`${ends.open} calls were not seen closed`);
}

/** Looks until nothing is left, or the time to settle is over. */
async function settled(redis: Redis, at: Addresses, ids: readonly string[], run: Run): Promise<LeftOvers> {
  const until = performance.now() + run.options.settle * 60_000;
  let told = '';
  for (;;) {
    const found = await leftOversOf(redis, at, ids);
    const { keys, indexEntries, reminders, actors } = found;
    const line = `left: ${keys.length} keys, ${indexEntries.length} entries, ${reminders.length} reminders, ${actors} actors`;
    if (line !== told) {
      run.say(line);
      run.log.write('left', { ...found });
    }
    told = line;
    if (isClean(found) || performance.now() > until) return found;
    await sleep(SETTLE_LOOK_MS, undefined, { signal: run.signal });
  }
}

function addressesOf({ info, secrets }: Stack): Addresses {
  return {
    redis: { ...info.redis, password: secrets.redisPassword },
    cosmos: info.cosmos.endpoint.replace(/\/+$/, ''),
    workers: info.workers.map(({ url, daprHttpPort }) => ({
      url,
      sidecarUrl: `http://127.0.0.1:${daprHttpPort}`,
    })),
    daprApiToken: secrets.daprApiToken,
    apiToken: secrets.apiToken,
    environment: 'dev',
  };
}
