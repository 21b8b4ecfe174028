/** A call's analytics out of what its record says of it. Pure, and the same each time: it is written again by a retry. */
import { dayOf } from './audit-record.js';
import { type CallAnalytics, type StageLatency, stageLatency } from './call-facts.js';

/** A turn without its words. Unix ms. */
export interface TurnFacts {
  readonly seq: number;
  readonly role: 'user' | 'agent';
  readonly agent: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly interrupted: boolean;
}

/** What of a call only its agent knows: seam for adapters that count tokens or judge a mood. */
export interface CallMeasures {
  readonly tokensIn: number;
  readonly tokensOut: number;
  readonly costUsd: number;
  /** -1 to 1. */
  readonly sentiment?: number;
}

export const NO_MEASURES: CallMeasures = { tokensIn: 0, tokensOut: 0, costUsd: 0 };

export interface EndedCall {
  readonly sessionId: string;
  readonly incarnation: string;
  readonly subjectHash?: string;
  readonly outcome: string;
  /** ISO 8601. */
  readonly connectedAt?: string;
  readonly disconnectedAt?: string;
  /** When the incarnation was made, Unix ms: the last resort for a call of which nothing else is known. */
  readonly createdAtMs: number;
  /** What the check of the transcript found. */
  readonly transcript: string;
}

/** @param turns in order of `seq` */
export function callAnalytics(
  call: EndedCall,
  turns: readonly TurnFacts[],
  measures: CallMeasures = NO_MEASURES,
): CallAnalytics {
  const first = turns[0]?.startedAtMs;
  const startedAtMs = timeOf(call.connectedAt) ?? first ?? timeOf(call.disconnectedAt) ?? call.createdAtMs;
  const lastWord = turns.reduce((latest, turn) => Math.max(latest, turn.endedAtMs), startedAtMs);
  const endedAtMs = Math.max(startedAtMs, timeOf(call.disconnectedAt) ?? lastWord);
  const agentTurns = turns.filter((turn) => turn.role === 'agent');
  return {
    id: `${call.sessionId}-${call.incarnation}`,
    kind: 'call',
    day: dayOf(startedAtMs),
    sessionId: call.sessionId,
    incarnation: call.incarnation,
    ...(call.subjectHash === undefined ? {} : { subjectHash: call.subjectHash }),
    agent: agentTurns.at(-1)?.agent ?? 'none',
    outcome: call.outcome,
    startedAt: new Date(startedAtMs).toISOString(),
    endedAt: new Date(endedAtMs).toISOString(),
    durationMs: endedAtMs - startedAtMs,
    userTurns: turns.length - agentTurns.length,
    agentTurns: agentTurns.length,
    interruptions: agentTurns.filter((turn) => turn.interrupted).length,
    latencies: latenciesOf(turns, timeOf(call.connectedAt)),
    ...(measures.sentiment === undefined ? {} : { sentiment: measures.sentiment }),
    tokensIn: measures.tokensIn,
    tokensOut: measures.tokensOut,
    costUsd: measures.costUsd,
    transcript: call.transcript,
    schema: 1,
  };
}

/** `greeting`: connected until the agent speaks. `reply`: end of the caller's words until the agent's first. */
function latenciesOf(
  turns: readonly TurnFacts[],
  connectedAtMs: number | undefined,
): Record<string, StageLatency> {
  const [first] = turns;
  const greeting =
    connectedAtMs !== undefined && first?.role === 'agent' ? [first.startedAtMs - connectedAtMs] : [];
  const replies = turns.flatMap((turn, at) => {
    const before = turns[at - 1];
    return turn.role === 'agent' && before?.role === 'user' ? [turn.startedAtMs - before.endedAtMs] : [];
  });
  const stages = { greeting, reply: replies };
  return Object.fromEntries(
    Object.entries(stages).flatMap(([stage, values]) => {
      // Clocks of two services: what went backwards was not measured.
      const measured = values.filter((ms) => ms >= 0);
      return measured.length === 0 ? [] : [[stage, stageLatency(measured)]];
    }),
  );
}

function timeOf(iso: string | undefined): number | undefined {
  const ms = iso === undefined ? Number.NaN : Date.parse(iso);
  return Number.isNaN(ms) ? undefined : ms;
}
