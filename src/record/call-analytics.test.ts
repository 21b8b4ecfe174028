import { describe, expect, it } from 'vitest';
import { callAnalytics, type EndedCall, type TurnFacts } from './call-analytics.js';

const at = (text: string): number => Date.parse(`2026-05-04T${text}Z`);
const call: EndedCall = {
  sessionId: 'c1',
  incarnation: 'i1',
  subjectHash: 'ab',
  outcome: 'completed',
  connectedAt: '2026-05-04T10:00:00.000Z',
  disconnectedAt: '2026-05-04T10:01:00.000Z',
  createdAtMs: at('09:59:59.000'),
  transcript: 'complete',
};
const turn = (seq: number, role: TurnFacts['role'], from: string, to: string, over = {}): TurnFacts => ({
  ...{ seq, role, agent: 'claims', interrupted: false, startedAtMs: at(from), endedAtMs: at(to) },
  ...over,
});

describe('analytics of a call', () => {
  it('count turns and interruptions and time each stage', () => {
    const turns = [
      turn(1, 'agent', '10:00:00.400', '10:00:03.000'),
      turn(2, 'user', '10:00:04.000', '10:00:06.000'),
      turn(3, 'agent', '10:00:06.250', '10:00:08.000', { interrupted: true, agent: 'billing' }),
      turn(4, 'user', '10:00:07.500', '10:00:09.000'),
      turn(5, 'agent', '10:00:09.750', '10:00:12.000', { agent: 'billing' }),
    ];
    expect(callAnalytics(call, turns)).toEqual({
      id: 'c1-i1',
      kind: 'call',
      day: '2026-05-04',
      sessionId: 'c1',
      incarnation: 'i1',
      subjectHash: 'ab',
      agent: 'billing',
      outcome: 'completed',
      startedAt: '2026-05-04T10:00:00.000Z',
      endedAt: '2026-05-04T10:01:00.000Z',
      durationMs: 60_000,
      userTurns: 2,
      agentTurns: 3,
      interruptions: 1,
      latencies: {
        greeting: { n: 1, p50: 400, p95: 400, max: 400 },
        reply: { n: 2, p50: 750, p95: 750, max: 750 },
      },
      tokensIn: 0,
      tokensOut: 0,
      costUsd: 0,
      transcript: 'complete',
      schema: 1,
    });
  });

  it('take measures from the agent, and leave a mood out that nobody judged', () => {
    const measured = callAnalytics(call, [], { tokensIn: 7, tokensOut: 3, costUsd: 0.02, sentiment: -0.5 });
    expect(measured).toMatchObject({ tokensIn: 7, tokensOut: 3, costUsd: 0.02, sentiment: -0.5 });
    expect(callAnalytics(call, [])).not.toHaveProperty('sentiment');
  });

  it('have a day and no negative time, whatever is not known', () => {
    const { connectedAt: _, disconnectedAt: __, ...bare } = call;
    const nothing = callAnalytics(bare, []);
    expect(nothing).toMatchObject({ day: '2026-05-04', durationMs: 0, agent: 'none', latencies: {} });
    const backwards = [
      turn(1, 'user', '10:00:01.000', '10:00:05.000'),
      turn(2, 'agent', '10:00:04.000', '10:00:06.000'),
    ];
    expect(callAnalytics(bare, backwards)).toMatchObject({ durationMs: 5_000, latencies: {} });
    const early = callAnalytics({ ...call, disconnectedAt: '2026-05-04T09:00:00.000Z' }, []);
    expect(early.durationMs).toBe(0);
  });
});
