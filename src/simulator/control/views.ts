import type { Call } from '../core/call.js';
import type { Turn } from '../core/report.js';
import type { World } from '../core/world.js';
import { describeLatencies } from '../latency.js';
import type { HeardReport } from '../media/heard.js';
import { tenths } from '../time.js';

/** One call as its far end heard it. Turns count in ms from `connectedAt` (Unix ms). */
export interface HeardView extends HeardReport {
  readonly state: string;
  readonly connectedAt: number | undefined;
  readonly turns: readonly Turn[];
}

/** A call as the control API shows it: its state, its account, and what was posted for it. */
export function describeCall(call: Call): Record<string, unknown> {
  return {
    state: call.state,
    settled: call.settled,
    media: call.media?.state,
    transcription: call.transcription?.state,
    recorded: call.recorder !== undefined,
    result: call.result(),
    callbacks: call.callbacks.log,
  };
}

/** What the caller's end witnessed: sockets, stretches of voice, turns. @param since Unix ms; earlier voice is left out */
export function describeHeard(call: Call, since: number): HeardView {
  const { connectedAt, turns } = call.report;
  return {
    state: call.state,
    connectedAt: connectedAt === undefined ? undefined : tenths(performance.timeOrigin + connectedAt),
    ...(call.media?.heard.report(since) ?? { sockets: [], voice: [], staleFrames: 0, overlapFrames: 0 }),
    turns: turns.map((turn) => ({ ...turn })),
  };
}

/** Counters and load of the simulator. */
export function describeStats(world: World): Record<string, unknown> {
  const { stats, settings } = world;
  const memory = process.memoryUsage();
  return {
    uptimeMs: Date.now() - stats.startedAt,
    callsLive: world.registry.live,
    callsPlaced: stats.callsPlaced,
    callsEnded: stats.callsEnded,
    outcomes: stats.outcomes,
    requests: stats.requests,
    answers: stats.answers,
    unauthorized: stats.unauthorized,
    repeated: stats.repeated,
    backgroundTasks: world.tasks.size,
    backgroundErrors: stats.backgroundErrors,
    lastBackgroundError: stats.lastBackgroundError,
    clock: world.clock.takeFigures(),
    memory: { rssBytes: memory.rss, heapUsedBytes: memory.heapUsed },
    latency: describeLatencies(settings.latencies),
    faults: settings.faults.text,
    seed: settings.seed,
  };
}
