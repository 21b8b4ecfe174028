import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CallAnalytics, rollUp } from './call-facts.js';
import { chainOf } from './chain.js';
import { isValidId, type TurnDocument } from './documents.js';
import { allowed, backoffMs, initialPace, nextPace, PACE_LIMITS, type PaceSample } from './pace.js';
import { joinParts, splitTurn, storedBytes } from './parts.js';

const base: TurnDocument = {
  id: 's-i-1',
  sessionId: 's',
  incarnation: 'i',
  seq: 1,
  turnId: 't1',
  role: 'user',
  agent: '',
  startedAt: '',
  endedAt: '',
  mediaEpoch: 1,
  turnNo: 1,
  interrupted: false,
  transcript: '',
  schema: 1,
};

describe('parts', () => {
  it('join to the same turn, each within the limit', () => {
    const text = fc.array(fc.constantFrom('a', '"', '<', 'é', '語', '😀', '\u2028', '\u0000', '\ud800'), {
      minLength: 1,
      maxLength: 400,
    });
    fc.assert(
      fc.property(text, fc.integer({ min: 10, max: 200 }), (units, times) => {
        const turn = { ...base, transcript: units.join('').repeat(times) };
        const limit = 12_000;
        const split = splitTurn(turn, limit);
        if (split === undefined) {
          expect(storedBytes(turn)).toBeLessThanOrEqual(limit);
          return;
        }
        for (const part of split.parts) expect(storedBytes(part)).toBeLessThanOrEqual(limit);
        expect(joinParts(split.main, [...split.parts].reverse())).toEqual(turn);
        expect(joinParts(split.main, split.parts.slice(1))).toBeUndefined();
        const other = splitTurn({ ...turn, transcript: `${turn.transcript}x` }, limit);
        expect(other?.main.partSet).not.toBe(split.main.partSet);
      }),
    );
  });
});

describe('chain', () => {
  it('differs for any other list of turns', () => {
    const turns = fc.array(fc.record({ turnId: fc.string(), transcript: fc.string() }), { maxLength: 6 });
    fc.assert(
      fc.property(turns, turns, (a, b) => {
        expect(chainOf(a) === chainOf(b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
    expect(chainOf([{ turnId: 'ab', transcript: 'c' }])).not.toBe(
      chainOf([{ turnId: 'a', transcript: 'bc' }]),
    );
  });
});

describe('pace', () => {
  const sample: fc.Arbitrary<PaceSample> = fc.oneof(
    fc.record({ kind: fc.constant('ok' as const), latencyMs: fc.integer({ min: 1, max: 2000 }) }),
    fc.constant({ kind: 'throttled' as const }),
    fc.constant({ kind: 'error' as const }),
  );

  it('stays within its bounds', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(sample, fc.integer({ min: 0, max: 500 })), { maxLength: 300 }),
        (samples) => {
          let pace = initialPace();
          let now = 0;
          for (const [one, passed] of samples) {
            now += passed;
            pace = nextPace(pace, one, now);
            expect(allowed(pace)).toBeGreaterThanOrEqual(PACE_LIMITS.min);
            expect(allowed(pace)).toBeLessThanOrEqual(PACE_LIMITS.max);
          }
        },
      ),
    );
  });

  it('counts a burst of refusals as one', () => {
    let pace = initialPace();
    for (let i = 0; i < 50; i++) pace = nextPace(pace, { kind: 'throttled' }, 10);
    expect(pace.limit).toBeCloseTo(PACE_LIMITS.initial * PACE_LIMITS.throttleFactor);
  });

  it('waits no less than retry-after, and no longer than its bound otherwise', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.integer({ min: 0, max: 60_000 }),
        (attempt, random, retryAfterMs) => {
          expect(backoffMs(attempt, random, retryAfterMs)).toBeGreaterThanOrEqual(retryAfterMs);
          expect(backoffMs(attempt, random)).toBeLessThanOrEqual(5000);
          expect(backoffMs(attempt, random)).toBeGreaterThanOrEqual(25);
        },
      ),
    );
  });
});

describe('ids', () => {
  it('are refused where the service would', () => {
    expect(isValidId('s'.repeat(1023))).toBe(true);
    expect(isValidId('é'.repeat(512))).toBe(false);
    for (const id of ['', 'a/b', 'a\\b', 'a?b', 'a#b', 'a\nb']) expect(isValidId(id)).toBe(false);
  });
});

describe('roll-up', () => {
  it('is the same in any order and with repetitions', () => {
    const call = fc.integer({ min: 0, max: 30 }).map(
      (n): CallAnalytics => ({
        id: `c${n}`,
        kind: 'call',
        day: n % 6 === 0 ? '2026-01-02' : '2026-01-01',
        sessionId: `c${n}`,
        incarnation: 'i',
        agent: `a${n % 3}`,
        outcome: `o${n % 2}`,
        startedAt: '',
        endedAt: '',
        durationMs: n * 10,
        userTurns: n,
        agentTurns: n,
        interruptions: 1,
        latencies: { reply: { n, p50: n, p95: n * 2, max: n * 3 } },
        ...(n % 4 === 0 ? { sentiment: n / 100 } : {}),
        tokensIn: n,
        tokensOut: n,
        costUsd: n / 1000,
        schema: 1,
      }),
    );
    fc.assert(
      fc.property(fc.array(call, { maxLength: 40 }), (calls) => {
        const once = rollUp('2026-01-01', calls);
        expect(rollUp('2026-01-01', [...calls, ...calls].reverse())).toEqual(once);
        const ids = new Set(calls.filter((facts) => facts.day === '2026-01-01').map((facts) => facts.id));
        expect(once.totals.calls).toBe(ids.size);
      }),
    );
  });
});
