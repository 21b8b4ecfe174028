/** A call's analytics out of what its record says of it. Pure, and the same each time: it is written again by a retry. */
import { addUsage, MOST_STAGES, NO_USAGE, type TurnMeasures, type Usage } from '../call/measures.js';
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
  readonly measures?: TurnMeasures;
}

/** What a model costs, USD per million tokens. */
export interface TokenPrices {
  readonly in: number;
  readonly out: number;
}

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

/**
 * @param turns in order of `seq`
 * @param prices without them a call has no cost, which is not the same as a cost of 0
 */
export function callAnalytics(
  call: EndedCall,
  turns: readonly TurnFacts[],
  prices?: TokenPrices,
): CallAnalytics {
  const first = turns[0]?.startedAtMs;
  const startedAtMs = timeOf(call.connectedAt) ?? first ?? timeOf(call.disconnectedAt) ?? call.createdAtMs;
  const lastWord = turns.reduce((latest, turn) => Math.max(latest, turn.endedAtMs), startedAtMs);
  const endedAtMs = Math.max(startedAtMs, timeOf(call.disconnectedAt) ?? lastWord);
  const agentTurns = turns.filter((turn) => turn.role === 'agent');
  const usage = turns.reduce((sum, { measures }) => addUsage(sum, measures?.usage ?? NO_USAGE), NO_USAGE);
  const moods = turns.flatMap(({ measures }) => measures?.sentiment ?? []);
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
    ...(moods.length === 0 ? {} : { sentiment: moods.reduce((sum, mood) => sum + mood, 0) / moods.length }),
    ...usage,
    ...(prices === undefined ? {} : { costUsd: costOf(usage, prices) }),
    transcript: call.transcript,
    schema: 1,
  };
}

const costOf = (usage: Usage, prices: TokenPrices): number =>
  (usage.tokensIn * prices.in + usage.tokensOut * prices.out) / 1e6;

/**
 * `greeting`: connected until the agent speaks. `reply`: end of the caller's words until the agent's first. Others are
 * the stages that the media worker measured.
 */
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
  const stages = new Map<string, number[]>();
  for (const { measures } of turns) {
    for (const [stage, ms] of Object.entries(measures?.stages ?? {})) {
      const known = stages.get(stage);
      if (known) known.push(ms);
      else if (stages.size < MOST_STAGES) stages.set(stage, [ms]);
    }
  }
  stages.set('greeting', greeting).set('reply', replies);
  return Object.fromEntries(
    [...stages].flatMap(([stage, values]) => {
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
