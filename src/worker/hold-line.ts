/**
 * Tells the media worker of a call that the call is on hold, or is back. The newest word of each call counts: one is
 * under way at a time, so that none overtakes another. A worker that cannot be reached has lost the call, and whoever
 * takes it hears of it when it attaches.
 */
import { LatestOnly } from '../media/latest-only.js';

export interface HoldLineParts {
  /** POST to a worker; true when it took it, or does not have the call. */
  post(workerUrl: string, callId: string, on: boolean): Promise<boolean>;
}

interface Word {
  readonly workerUrl: string;
  readonly on: boolean;
}

const TRIES = 5;
const AGAIN_MS = 200;

/** @returns the line; what it tells is not waited for and never rejects */
export function createHoldLine({ post }: HoldLineParts) {
  const calls = new Map<string, LatestOnly<Word>>();
  const newest = new Map<string, Word>();
  const tell =
    (callId: string) =>
    async (word: Word): Promise<void> => {
      for (let attempt = 1; attempt <= TRIES && newest.get(callId) === word; attempt += 1) {
        if (await post(word.workerUrl, callId, word.on).catch(() => false)) return;
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS * attempt).unref());
      }
    };
  return (callId: string, workerUrl: string, on: boolean): void => {
    if (workerUrl === '') return;
    const word = { workerUrl, on };
    newest.set(callId, word);
    const line = calls.get(callId) ?? new LatestOnly<Word>(tell(callId));
    calls.set(callId, line);
    void line.put(word).finally(() => {
      if (newest.get(callId) !== word) return;
      newest.delete(callId);
      calls.delete(callId);
    });
  };
}
