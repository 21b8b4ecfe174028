import { setMaxListeners } from 'node:events';
import type { CallProgress, SimulatorClient } from './client.js';
import type { CallResult } from './core/report.js';
import type { PlaceCall } from './core/setup.js';
import { messageOf } from './errors.js';
import { tenths } from './time.js';

/** A series of calls. */
export interface LoadOptions {
  /** Calls in all; undefined: as many as fit into the duration. */
  readonly calls: number | undefined;
  /** New calls a second. */
  readonly rate: number;
  /** No new call after this time, ms; undefined: until all calls were placed. */
  readonly durationMs: number | undefined;
  /** New calls wait while this many are live. */
  readonly maxLive: number;
  /** What each call is, or what the n-th is (from 0); its seed is counted up from call to call unless it has one. */
  readonly call: PlaceCall | ((number: number) => PlaceCall);
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (number: number, progress: CallProgress) => void;
  readonly onCall?: (done: number, live: number, result: CallResult | undefined) => void;
}

/** Percentiles of one measure, ms. */
export interface Percentiles {
  readonly n: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** The account of a series. */
export interface LoadSummary {
  readonly calls: number;
  readonly completed: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly errors: Readonly<Record<string, number>>;
  readonly peakLive: number;
  readonly durationMs: number;
  readonly turns: { readonly user: number; readonly agent: number; readonly unanswered: number };
  readonly audio: {
    readonly framesSent: number;
    readonly framesReceived: number;
    readonly framesUnsent: number;
    readonly gaps: number;
    readonly gapMs: number;
  };
  readonly callbacks: { readonly sent: number; readonly dropped: number; readonly refused: number };
  /** ms; absent where nothing was measured. */
  readonly latencies: Readonly<Record<string, Percentiles>>;
  readonly simulated: { readonly latency: string; readonly faults: string; readonly seed: number };
}

/** Places a series of calls and sums up what became of them. */
export async function runLoad(client: SimulatorClient, options: LoadOptions): Promise<LoadSummary> {
  const results: CallResult[] = [];
  const errors: Record<string, number> = {};
  const running = new Set<Promise<void>>();
  const startedAt = performance.now();
  // Each live call listens to it.
  if (options.signal) setMaxListeners(0, options.signal);
  let placed = 0;
  let peakLive = 0;
  const due = (): boolean =>
    !options.signal?.aborted &&
    (options.calls === undefined || placed < options.calls) &&
    (options.durationMs === undefined || performance.now() - startedAt < options.durationMs);
  while (due()) {
    // The n-th call is due at n / rate: a late timer does not lower the rate.
    const waitMs = startedAt + (placed * 1000) / options.rate - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(waitMs, 250)));
    if (waitMs > 250 || !due()) continue;
    if (running.size >= options.maxLive) {
      await Promise.race(running);
      continue;
    }
    const number = placed;
    placed += 1;
    const seed = options.seed + number;
    const call =
      typeof options.call === 'function' ? { seed, ...options.call(number) } : { ...options.call, seed };
    const task: Promise<void> = client
      .placeCall(
        { record: false, ...call },
        (progress) => options.onProgress?.(number, progress),
        options.signal,
      )
      .then(
        (result) => {
          results.push(result);
          return result;
        },
        (error: unknown) => {
          const key = (error as { code?: string }).code ?? messageOf(error);
          errors[key] = (errors[key] ?? 0) + 1;
          return undefined;
        },
      )
      .then((result) => {
        running.delete(task);
        options.onCall?.(placed - running.size, running.size, result);
      });
    running.add(task);
    peakLive = Math.max(peakLive, running.size);
  }
  await Promise.all(running);
  return summarize(results, errors, {
    calls: placed,
    peakLive,
    durationMs: tenths(performance.now() - startedAt),
    seed: options.seed,
  });
}

/** Sums up finished calls. */
export function summarize(
  results: readonly CallResult[],
  errors: Readonly<Record<string, number>>,
  run: { calls: number; peakLive: number; durationMs: number; seed: number },
): LoadSummary {
  const outcomes: Record<string, number> = {};
  for (const { outcome } of results) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  const sum = (pick: (result: CallResult) => number): number =>
    results.reduce((total, result) => total + pick(result), 0);
  const turns = results.flatMap((result) => result.turns);
  const users = turns.filter((turn) => turn.role === 'user');
  const measured: Record<string, Array<number | undefined>> = {
    incomingToRequest: results.map((result) => result.timings.incomingToRequestMs),
    incomingToAnswer: results.map((result) => result.timings.incomingToAnswerMs),
    connectedToMedia: results.map((result) => result.timings.connectedToMediaMs),
    mediaToFirstAudio: results.map((result) => result.timings.mediaToFirstAudioMs),
    connectedToFirstAudio: results.map((result) => result.timings.connectedToFirstAudioMs),
    finalToFirstFrame: users.map((turn) => turn.finalToFirstFrameMs),
    finalToFirstSound: users.map((turn) => turn.finalToFirstSoundMs),
    speechEndToReplyHeard: users.map((turn) => turn.responseMs),
    bargeInToSilence: users.map((turn) => turn.silencedAfterMs),
  };
  const latencies: Record<string, Percentiles> = {};
  for (const [name, values] of Object.entries(measured)) {
    const row = percentiles(values.filter((value) => value !== undefined));
    if (row) latencies[name] = row;
  }
  return {
    calls: run.calls,
    completed: outcomes.completed ?? 0,
    outcomes,
    errors,
    peakLive: run.peakLive,
    durationMs: run.durationMs,
    turns: {
      user: users.length,
      agent: turns.length - users.length,
      unanswered: sum((result) => result.noReplies),
    },
    audio: {
      framesSent: sum((result) => result.audio.framesSent),
      framesReceived: sum((result) => result.audio.framesReceived),
      framesUnsent: sum((result) => result.audio.framesUnsent),
      gaps: sum((result) => result.audio.gaps),
      gapMs: sum((result) => result.audio.gapMs),
    },
    callbacks: {
      sent: sum((result) => result.callbacks.sent),
      dropped: sum((result) => result.callbacks.dropped),
      refused: sum((result) => result.callbacks.refused),
    },
    latencies,
    simulated: { latency: results[0]?.latency ?? '', faults: results[0]?.faults ?? '', seed: run.seed },
  };
}

/** Nearest-rank percentiles; undefined of nothing. */
export function percentiles(values: readonly number[]): Percentiles | undefined {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  const rank = (p: number): number => sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? 0;
  return { n: sorted.length, p50: rank(0.5), p95: rank(0.95), p99: rank(0.99), max: rank(1) };
}
