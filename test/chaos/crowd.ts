/** The callers of a run: places calls one after another, so many at once, and keeps each caller's account. */
import { type CallProgress, SimulatorClient } from '../../src/simulator/client.js';
import type { CallResult } from '../../src/simulator/core/report.js';
import { runLoad } from '../../src/simulator/load.js';
import { callerOf } from './callers.js';
import type { CallersAccount, Moment } from './check/evidence.js';
import type { RunLog } from './run-log.js';

export interface CrowdOptions {
  readonly simulatorUrl: string;
  readonly incomingUrl: string;
  readonly seed: number;
  readonly durationMs: number;
  /** Calls at once. */
  readonly atOnce: number;
  readonly log: RunLog;
  readonly signal: AbortSignal;
  /** A call is over on its caller's side. */
  onEnd(callId: string): void;
}

/** New calls a second at most: a burst after a stand-still is no caller's doing. */
const RATE = 3;
const KEPT = new Set([
  ...['ringing', 'answered', 'connected', 'media', 'mediaLost', 'mediaFailed', 'transcription'],
  ...['transcriptionLost', 'transcriptionFailed', 'turn', 'reply', 'noReply', 'end'],
]);

interface Draft {
  callId: string;
  placedMs: number;
  answered: boolean;
  endedMs: number | undefined;
  result: CallResult | undefined;
  readonly moments: Moment[];
}

/** Talks until the time is over and the last call has ended. */
export async function talk(options: CrowdOptions): Promise<CallersAccount[]> {
  const { log, seed } = options;
  const client = new SimulatorClient(options.simulatorUrl);
  const drafts = new Map<number, Draft>();
  const draftOf = (number: number): Draft => {
    const known = drafts.get(number);
    if (known) return known;
    const draft: Draft = {
      callId: '',
      placedMs: Date.now(),
      answered: false,
      endedMs: undefined,
      result: undefined,
      moments: [],
    };
    drafts.set(number, draft);
    return draft;
  };
  const follow = (number: number, progress: CallProgress): void => {
    const draft = draftOf(number);
    const atMs = Date.now();
    if (progress.event === 'ringing') draft.callId = String(progress.callConnectionId);
    if (progress.event === 'answered') draft.answered = true;
    if (progress.event === 'end') {
      draft.endedMs = atMs;
      draft.result = (progress as unknown as { result: CallResult }).result;
      options.onEnd(draft.callId);
    }
    if (!KEPT.has(progress.event)) return;
    draft.moments.push({ event: progress.event, atMs });
    log.write('caller', { callId: draft.callId, event: progress.event, turn: progress.turn });
  };
  try {
    await runLoad(client, {
      calls: undefined,
      rate: RATE,
      durationMs: options.durationMs,
      maxLive: options.atOnce,
      seed,
      signal: options.signal,
      call: (number) => {
        draftOf(number);
        return { ...callerOf(seed, number), incomingUrl: options.incomingUrl };
      },
      onProgress: follow,
    });
  } finally {
    await client.close();
  }
  return [...drafts.values()].map(accountOf);
}

function accountOf({ result, ...draft }: Draft): CallersAccount {
  const turns = result?.turns ?? [];
  return {
    ...draft,
    outcome: result?.outcome,
    endedBy: result?.endedBy,
    said: turns.filter(({ role }) => role === 'user').map(({ text }) => text),
    heard: turns.filter(({ role }) => role === 'agent').length,
  };
}
