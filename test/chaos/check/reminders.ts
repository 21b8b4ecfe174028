/** Whether reminders came as long as they had to. Pure. */
import type { SeenReminder, StoredSummary } from './evidence.js';

/** A reminder that did not come for so long is lost: a scheduler or a worker is back by then. Five periods, ms. */
const LOST_AFTER_MS = 75_000;

export interface ReminderVerdict {
  /** Calls that registered one. */
  readonly registered: number;
  readonly fired: number;
  /** Calls whose reminder stopped coming before it was removed. */
  readonly lost: number;
  /** Longest time from one firing of a reminder (or its registration) to the next, ms. */
  readonly longestGapMs: number;
}

/**
 * A reminder is there from its first registration to its last removal; registering it again begins its period anew.
 * Within that time it comes each period. Where it stays away for long, or was never removed and its call never closed,
 * it was lost.
 */
export function judgeReminders(
  seen: readonly SeenReminder[],
  summaries: readonly StoredSummary[],
): { readonly verdict: ReminderVerdict; readonly lost: readonly string[] } {
  const closed = new Set(summaries.map(({ callId }) => callId));
  const calls = new Map<string, SeenReminder[]>();
  for (const one of seen) calls.set(one.callId, [...(calls.get(one.callId) ?? []), one]);
  const lost: string[] = [];
  let registered = 0;
  let fired = 0;
  let longestGapMs = 0;
  for (const [callId, all] of calls) {
    const events = [...all].sort((a, b) => a.atMs - b.atMs);
    const begin = events.find(({ what, ok }) => what === 'registered' && ok);
    if (!begin) continue;
    registered += 1;
    // A removal whose answer was lost may have happened all the same.
    const end = events.findLast(({ what }) => what === 'removed');
    const signs = events.filter(({ what, ok, atMs }) => ok && what !== 'removed' && atMs >= begin.atMs);
    fired += signs.filter(({ what }) => what === 'fired').length;
    const marks = [...signs, ...(end ? [end] : [])].sort((a, b) => a.atMs - b.atMs);
    const waits = marks.slice(1).map(({ atMs }, index) => atMs - (marks[index]?.atMs ?? atMs));
    const longest = Math.max(0, ...waits);
    longestGapMs = Math.max(longestGapMs, longest);
    if (longest > LOST_AFTER_MS || (!end && !closed.has(callId))) lost.push(callId);
  }
  return { verdict: { registered, fired, lost: lost.length, longestGapMs }, lost };
}
