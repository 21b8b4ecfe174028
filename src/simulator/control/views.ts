import type { Call } from '../core/call.js';
import type { World } from '../core/world.js';
import { describeLatencies } from '../latency.js';

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
