import fc from 'fast-check';
import { describe, it, expect as that } from 'vitest';
import { ASK_AGAIN_MS, expect, PATIENCE, type Watched } from './expectations.js';

const BORN = 1_700_000_000_000;
const call = (more: Partial<Watched> = {}): Watched => ({
  phase: 'connecting',
  bornAtMs: BORN,
  attached: false,
  lastSignAtMs: BORN,
  asked: { count: 0, atMs: 0 },
  ...more,
});

describe('what must come', () => {
  it('CallConnected within 10 s of the start', () => {
    that(expect(call(), BORN + 9_999)).toEqual({ lookAgainAtMs: BORN + 10_000 });
    that(expect(call(), BORN + 10_000)).toEqual({ missing: 'connected', lookAgainAtMs: BORN + 15_000 });
  });

  it('a media socket within 5 s of CallConnected', () => {
    const connected = call({ phase: 'connected', connectedAtMs: BORN + 1_000, lastSignAtMs: BORN + 1_000 });
    that(expect(connected, BORN + 5_999)).toEqual({ lookAgainAtMs: BORN + 6_000 });
    that(expect(connected, BORN + 6_000).missing).toBe('media');
    that(expect({ ...connected, attached: true }, BORN + 6_000)).toEqual({
      lookAgainAtMs: BORN + 1_000 + PATIENCE.silenceMs,
    });
  });

  it('a sign of life each minute', () => {
    const talking = call({
      phase: 'connected',
      connectedAtMs: BORN,
      attached: true,
      lastSignAtMs: BORN + 30_000,
    });
    that(expect(talking, BORN + 89_999).missing).toBeUndefined();
    that(expect(talking, BORN + 90_000).missing).toBe('life');
  });

  it('nothing once the call is over', () => {
    for (const phase of ['disconnected', 'ended'] as const)
      that(expect(call({ phase }), BORN * 2)).toEqual({});
  });
});

describe('how often it is asked', () => {
  it('less and less often while the answer does not help', () => {
    const asks: number[] = [];
    let asked = { count: 0, atMs: 0 };
    for (let now = BORN; now <= BORN + 300_000; now += 100) {
      if (expect(call({ asked }), now).missing === undefined) continue;
      asks.push(now - BORN);
      asked = { count: asked.count + 1, atMs: now };
    }
    const pauses = asks.slice(1).map((at, index) => at - (asks[index] ?? 0));
    that(asks[0]).toBe(10_000);
    that(pauses).toEqual([...ASK_AGAIN_MS, 60_000, 60_000, 60_000].slice(0, pauses.length));
    that(pauses.length).toBeGreaterThanOrEqual(6);
  });

  it('looked at exactly when it says, it asks, and never before', () => {
    const watched = fc.record({
      phase: fc.constantFrom('connecting' as const, 'connected' as const),
      bornAtMs: fc.constant(BORN),
      connectedAtMs: fc.integer({ min: BORN, max: BORN + 60_000 }),
      attached: fc.boolean(),
      lastSignAtMs: fc.integer({ min: BORN, max: BORN + 120_000 }),
      asked: fc.record({
        count: fc.integer({ min: 0, max: 9 }),
        atMs: fc.integer({ min: BORN, max: BORN + 120_000 }),
      }),
    });
    fc.assert(
      fc.property(watched, fc.integer({ min: BORN, max: BORN + 240_000 }), (seen, now) => {
        const { missing, lookAgainAtMs } = expect(seen, now);
        that(lookAgainAtMs).toBeGreaterThan(now);
        if (missing !== undefined || lookAgainAtMs === undefined) return;
        that(expect(seen, lookAgainAtMs - 1).missing).toBeUndefined();
        that(expect(seen, lookAgainAtMs).missing).toBeDefined();
      }),
      { numRuns: 2_000 },
    );
  });
});
