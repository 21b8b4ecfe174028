/** What is known of a call when it is over; no personal data. One document a call, one roll-up a day. */
export interface CallAnalytics {
  /** `${sessionId}-${incarnation}` */
  readonly id: string;
  readonly kind: 'call';
  /** UTC day of `startedAt`, YYYY-MM-DD: the partition. */
  readonly day: string;
  readonly sessionId: string;
  readonly incarnation: string;
  readonly subjectHash?: string;
  readonly agent: string;
  readonly outcome: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt: string;
  readonly durationMs: number;
  readonly userTurns: number;
  readonly agentTurns: number;
  readonly interruptions: number;
  /** ms by stage, e.g. `answer`, `first_audio`, `reply`. */
  readonly latencies: Readonly<Record<string, StageLatency>>;
  /** -1 to 1: mean over the caller's turns that were assessed; absent where none was. */
  readonly sentiment?: number;
  readonly tokensIn: number;
  readonly tokensOut: number;
  /** By the token prices in force when the call was closed; absent where none were set. */
  readonly costUsd?: number;
  /** `complete`, or what the check of the transcript found instead. */
  readonly transcript?: string;
  readonly schema: 1;
}

export interface StageLatency {
  readonly n: number;
  readonly p50: number;
  readonly p95: number;
  readonly max: number;
}

export interface Totals {
  readonly calls: number;
  readonly durationMs: number;
  readonly userTurns: number;
  readonly agentTurns: number;
  readonly interruptions: number;
  readonly tokensIn: number;
  readonly tokensOut: number;
  /** Of the calls that have one. */
  readonly costUsd: number;
  /** Calls that have a cost. */
  readonly priced: number;
}

export interface DayRollUp {
  /** `${day}-rollup` */
  readonly id: string;
  readonly kind: 'rollup';
  readonly day: string;
  readonly totals: Totals;
  readonly byAgent: Readonly<Record<string, Totals>>;
  readonly byOutcome: Readonly<Record<string, Totals>>;
  /** Over calls: weighted mean of p50, largest p95 and max. */
  readonly latencies: Readonly<Record<string, StageLatency>>;
  readonly longestMs: number;
  /** Mean over the calls that have one. */
  readonly sentiment?: number;
  readonly schema: 1;
}

const NOTHING: Totals = {
  calls: 0,
  durationMs: 0,
  userTurns: 0,
  agentTurns: 0,
  interruptions: 0,
  tokensIn: 0,
  tokensOut: 0,
  costUsd: 0,
  priced: 0,
};

/** p50, p95 and max of measured values (ms). */
export function stageLatency(values: readonly number[]): StageLatency {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { n: sorted.length, p50: at(0.5), p95: at(0.95), max: at(1) };
}

/** The day's roll-up. The same calls in any order, or one of them twice, give the same. */
export function rollUp(day: string, calls: Iterable<CallAnalytics>): DayRollUp {
  const distinct = new Map<string, CallAnalytics>();
  for (const call of calls) if (call.day === day) distinct.set(call.id, call);
  // Sums of fractions depend on their order: a fixed one.
  const ordered = [...distinct.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const byAgent = new Map<string, Totals>();
  const byOutcome = new Map<string, Totals>();
  const stages = new Map<string, StageLatency>();
  let totals = NOTHING;
  let longestMs = 0;
  for (const call of ordered) {
    totals = plus(totals, call);
    byAgent.set(call.agent, plus(byAgent.get(call.agent) ?? NOTHING, call));
    byOutcome.set(call.outcome, plus(byOutcome.get(call.outcome) ?? NOTHING, call));
    for (const [stage, latency] of Object.entries(call.latencies)) {
      stages.set(stage, merge(stages.get(stage), latency));
    }
    longestMs = Math.max(longestMs, call.durationMs);
  }
  const moods = ordered.flatMap((call) => (call.sentiment === undefined ? [] : [call.sentiment]));
  return {
    id: `${day}-rollup`,
    kind: 'rollup',
    day,
    totals,
    byAgent: Object.fromEntries(byAgent),
    byOutcome: Object.fromEntries(byOutcome),
    latencies: Object.fromEntries(stages),
    longestMs,
    ...(moods.length === 0 ? {} : { sentiment: moods.reduce((sum, mood) => sum + mood, 0) / moods.length }),
    schema: 1,
  };
}

function plus(totals: Totals, call: CallAnalytics): Totals {
  return {
    calls: totals.calls + 1,
    durationMs: totals.durationMs + call.durationMs,
    userTurns: totals.userTurns + call.userTurns,
    agentTurns: totals.agentTurns + call.agentTurns,
    interruptions: totals.interruptions + call.interruptions,
    tokensIn: totals.tokensIn + call.tokensIn,
    tokensOut: totals.tokensOut + call.tokensOut,
    costUsd: totals.costUsd + (call.costUsd ?? 0),
    priced: totals.priced + (call.costUsd === undefined ? 0 : 1),
  };
}

function merge(known: StageLatency | undefined, latency: StageLatency): StageLatency {
  if (known === undefined || known.n === 0) return latency;
  const n = known.n + latency.n;
  return {
    n,
    p50: (known.p50 * known.n + latency.p50 * latency.n) / n,
    p95: Math.max(known.p95, latency.p95),
    max: Math.max(known.max, latency.max),
  };
}

export function parseCall(value: unknown): CallAnalytics | undefined {
  const fields = value as Record<string, unknown> | null | undefined;
  return fields?.kind === 'call' && typeof fields.durationMs === 'number'
    ? (value as CallAnalytics)
    : undefined;
}

export function parseRollUp(value: unknown): DayRollUp | undefined {
  const fields = value as Record<string, unknown> | null | undefined;
  return fields?.kind === 'rollup' && typeof fields.totals === 'object' ? (value as DayRollUp) : undefined;
}
