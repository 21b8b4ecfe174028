/**
 * The safety net's safety net: calls in the live-call index without a sign of life lost their reminder or their owner.
 * Every worker looks; waking a call twice is waking it once.
 */
import { CALL_ACTOR } from '../actors/call-messages.js';
import type { ActorClient } from '../actors/client.js';

export interface SweepIndex {
  /** Calls whose last sign of life is older than the given time, oldest first, at most `limit`. */
  olderThan(atMs: number, limit: number): Promise<string[]>;
  remove(callId: string): Promise<void>;
}

/** Without a sign of life for so many of the reminder's periods a call is woken. */
const PERIODS = 1.5;
const EVERY_MS = 10_000;
const MOST_AT_ONCE = 50;
/** Calls woken at a time: one that does not answer must not keep the others waiting. */
const LANES = 8;

/** Starts sweeping; the returned function ends it. */
export function startLiveSweep(
  index: SweepIndex,
  actors: ActorClient,
  woken: (count: number) => void,
  reminderSeconds: number,
): () => void {
  const silentMs = PERIODS * reminderSeconds * 1_000;
  let running = false;
  const wake = async (callId: string): Promise<void> => {
    const answer = await actors.call(CALL_ACTOR, callId, 'keep', {});
    // No session and no one who knows it: nothing is left to be kept.
    if (!answer.ok && (answer.code === 'RTV_CALL_UNKNOWN' || answer.code === 'RTV_CALL_ENDED')) {
      await index.remove(callId).catch(() => undefined);
    }
  };
  const sweep = async (): Promise<void> => {
    const silent = await index.olderThan(Date.now() - silentMs, MOST_AT_ONCE);
    const rest = silent.values();
    const waker = async (): Promise<void> => {
      for (const callId of rest) await wake(callId);
    };
    await Promise.all(Array.from({ length: LANES }, waker));
    if (silent.length > 0) woken(silent.length);
  };
  const timer = setInterval(() => {
    if (running) return;
    running = true;
    sweep()
      .catch(() => undefined)
      .finally(() => {
        running = false;
      });
  }, EVERY_MS).unref();
  return () => clearInterval(timer);
}
