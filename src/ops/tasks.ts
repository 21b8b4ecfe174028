/**
 * How long our own code holds the event loop. Each entry from outside (a message, a tick, a batch) is one task: it
 * runs to its end before anything else does, so that a long one makes every call wait. All are counted, those over
 * the limit by name.
 */

/** The promise: no task of our own holds the loop longer, ms. */
export const TASK_LIMIT_MS = 10;

export type TaskName = 'media.message' | 'media.playout' | 'media.voice' | 'transcription.message';

export interface TaskFigures {
  readonly count: number;
  /** Tasks over the limit. */
  readonly over: number;
  /** The longest one, ms. */
  readonly worstMs: number;
}

let count = 0;
let over = 0;
let worstMs = 0;
const listeners = new Set<(name: TaskName, ms: number) => void>();

/** Runs one task of the loop, and counts it; what it throws is thrown on. */
export function inTask<T>(name: TaskName, task: () => T): T {
  const started = performance.now();
  try {
    return task();
  } finally {
    const ms = performance.now() - started;
    count += 1;
    if (ms > worstMs) worstMs = ms;
    if (ms > TASK_LIMIT_MS) {
      over += 1;
      for (const listener of listeners) listener(name, ms);
    }
  }
}

/** Hears of each task over the limit. @returns how to stop */
export function onLongTask(listener: (name: TaskName, ms: number) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Figures of this process since its start, or since the last reset. */
export const taskFigures = {
  read: (): TaskFigures => ({ count, over, worstMs }),
  reset(): void {
    count = 0;
    over = 0;
    worstMs = 0;
  },
};
