/** What each kind of fault cost the calls that it met. Pure. Where faults overlap, a later one's cost is in an earlier's. */
import type { CallersAccount, DoneFault, Evidence, SeenTurn } from './evidence.js';

export interface Survival {
  readonly fault: string;
  readonly faults: number;
  /** Calls that were live on what failed: with their audio on that worker, or all of them. */
  readonly calls: number;
  /** Of them: ended otherwise than their caller meant to. */
  readonly callsCut: number;
  /** From the fault (or the offer, if that was later) to the next acknowledgement, one a call, ms. */
  readonly turnMs: readonly number[];
  /** From the fault to the next media socket, of calls that lost theirs, ms. */
  readonly audioMs: readonly number[];
  /** Calls that lost their media socket, lived on for long enough and got none. */
  readonly audioGone: number;
  /** Turns of these calls that were acknowledged and are in no document. */
  readonly turnsLost: number;
  /** From the fault to the next firing of a reminder that had one before, ms. */
  readonly reminderMs: readonly number[];
}

/** What comes so long after a fault is not counted as its doing, ms. */
const WITHIN_MS = 30_000;
/** A call that ends sooner after losing its socket is not said to have missed it, ms. */
const AUDIO_DUE_MS = 10_000;
const MEANT = new Set(['completed', 'hung_up_by_fault']);

export function survivalOf(evidence: Evidence, lost: ReadonlySet<string>): Survival[] {
  const turns = new Map<string, SeenTurn[]>();
  for (const turn of evidence.turns) turns.set(turn.callId, [...(turns.get(turn.callId) ?? []), turn]);
  const kinds = [...new Set(evidence.faults.map(({ kind }) => kind))].sort();
  return kinds.map((kind) => {
    const faults = evidence.faults.filter((fault) => fault.kind === kind);
    const met = faults.flatMap((fault) =>
      evidence.calls
        .filter((call) => isMet(call, fault, turns.get(call.callId) ?? []))
        .map((call) => ({ fault, call, turns: turns.get(call.callId) ?? [] })),
    );
    const audio = met.map(({ fault, call }) => audioOf(call, fault.atMs));
    const calls = new Set(met.map(({ call }) => call.callId));
    return {
      fault: kind,
      faults: faults.length,
      calls: met.length,
      callsCut: met.filter(({ call }) => !MEANT.has(call.outcome ?? '')).length,
      turnMs: met.flatMap(({ fault, turns: seen }) => turnWaitOf(seen, fault.atMs)),
      audioMs: audio.filter((back) => typeof back === 'number'),
      audioGone: audio.filter((back) => back === 'gone').length,
      turnsLost: [...calls]
        .flatMap((callId) => [...new Set((turns.get(callId) ?? []).map(({ turnId }) => turnId))])
        .filter((turnId) => lost.has(turnId)).length,
      reminderMs: met.flatMap(({ fault, call }) => reminderWaitOf(evidence, call.callId, fault.atMs)),
    };
  });
}

/** Live at the fault, and on what failed. */
function isMet(call: CallersAccount, fault: DoneFault, turns: readonly SeenTurn[]): boolean {
  const connected = call.moments.find(({ event }) => event === 'connected')?.atMs;
  if (connected === undefined || connected > fault.atMs || (call.endedMs ?? 0) < fault.atMs) return false;
  if (fault.worker === undefined) return true;
  return turns.findLast(({ askedMs }) => askedMs <= fault.atMs)?.worker === fault.worker;
}

function turnWaitOf(turns: readonly SeenTurn[], atMs: number): number[] {
  const offered = new Map<string, number>();
  for (const { turnId, askedMs } of turns)
    offered.set(turnId, Math.min(askedMs, offered.get(turnId) ?? askedMs));
  const settled = new Set<string>();
  for (const { turnId, durable, answeredMs } of turns) {
    if (durable && answeredMs !== undefined && answeredMs <= atMs) settled.add(turnId);
  }
  const waits = turns.flatMap(({ turnId, durable, answeredMs }) => {
    const askedMs = offered.get(turnId) ?? 0;
    if (!durable || answeredMs === undefined || answeredMs <= atMs || settled.has(turnId)) return [];
    return askedMs > atMs + WITHIN_MS ? [] : [{ answeredMs, wait: answeredMs - Math.max(atMs, askedMs) }];
  });
  const [first] = waits.sort((a, b) => a.answeredMs - b.answeredMs);
  return first ? [first.wait] : [];
}

function audioOf(call: CallersAccount, atMs: number): number | 'gone' | undefined {
  const isAfter = ({ atMs: at }: { readonly atMs: number }): boolean => at >= atMs && at <= atMs + WITHIN_MS;
  const after = call.moments.filter(isAfter);
  const lost = after.find(({ event }) => event === 'mediaLost');
  const back = after.find(({ event, atMs: at }) => event === 'media' && at >= (lost?.atMs ?? atMs));
  if (back) return back.atMs - atMs;
  return lost && (call.endedMs ?? 0) > lost.atMs + AUDIO_DUE_MS ? 'gone' : undefined;
}

function reminderWaitOf(evidence: Evidence, callId: string, atMs: number): number[] {
  const signs = evidence.reminders.filter((one) => one.callId === callId && one.ok);
  if (!signs.some((one) => one.what === 'registered' && one.atMs <= atMs)) return [];
  const next = signs.find((one) => one.what === 'fired' && one.atMs > atMs);
  return next ? [next.atMs - atMs] : [];
}
