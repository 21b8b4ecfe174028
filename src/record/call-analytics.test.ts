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
      transcript: 'complete',
      schema: 1,
    });
  });

  it('sum up what the turns measured', () => {
    const measured = [
      turn(1, 'user', '10:00:04.000', '10:00:06.000', { measures: { sentiment: -0.5 } }),
      turn(2, 'agent', '10:00:06.250', '10:00:08.000', {
        measures: { usage: { tokensIn: 700, tokensOut: 30 }, stages: { agent: 90, first_audio: 240 } },
      }),
      turn(3, 'user', '10:00:09.000', '10:00:10.000', { measures: { sentiment: 0 } }),
      turn(4, 'user', '10:00:11.000', '10:00:12.000'),
      turn(5, 'agent', '10:00:13.000', '10:00:14.000', {
        measures: { usage: { tokensIn: 900, tokensOut: 20 }, stages: { agent: 110 } },
      }),
    ];
    const facts = callAnalytics(call, measured, { in: 2, out: 10 });
    expect(facts).toMatchObject({ tokensIn: 1600, tokensOut: 50, sentiment: -0.25 });
    expect(facts.costUsd).toBeCloseTo((1600 * 2 + 50 * 10) / 1e6, 12);
    expect(facts.latencies).toMatchObject({
      agent: { n: 2, p50: 110, max: 110 },
      first_audio: { n: 1, p50: 240 },
      reply: { n: 2 },
    });
  });

  it('have no mood that nobody assessed, and no cost without a price', () => {
    const facts = callAnalytics(call, [turn(1, 'user', '10:00:04.000', '10:00:06.000')]);
    expect(facts).not.toHaveProperty('sentiment');
    expect(facts).not.toHaveProperty('costUsd');
    expect(callAnalytics(call, [], { in: 2, out: 10 }).costUsd).toBe(0);
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
