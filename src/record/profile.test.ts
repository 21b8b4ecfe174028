import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyCall, type CallFacts, type Profile, SESSIONS_KEPT } from './profile.js';

const instant = fc
  .integer({ min: 0, max: 50 })
  .map((n) => new Date(1_767_225_600_000 + n * 60_000).toISOString());
const sealed = fc.integer({ min: 0, max: 999 }).map((n) => `1.sealed.${n}`);
const consent = fc.record({ granted: fc.boolean(), at: instant });
const call: fc.Arbitrary<CallFacts> = fc.record(
  {
    subjectId: fc.constant('subject'),
    sessionId: fc.integer({ min: 1, max: 30 }).map((n) => `s${n}`),
    endedAt: instant,
    language: fc.constantFrom('en-US', 'de-DE'),
    consents: fc.dictionary(fc.constantFrom('preferences', 'recording'), consent),
    summary: sealed,
    preferences: sealed,
  },
  { requiredKeys: ['subjectId', 'sessionId', 'endedAt'] },
);

const applyAll = (calls: readonly CallFacts[]): Profile | undefined =>
  calls.reduce<Profile | undefined>((profile, facts) => applyCall(profile, facts), undefined);

describe('applyCall', () => {
  it('counts a call once, however often and whenever it is told', () => {
    fc.assert(
      fc.property(
        fc.array(call, { minLength: 1, maxLength: 40 }),
        fc.infiniteStream(fc.nat()),
        (calls, positions) => {
          const once = applyAll(calls);
          const told = [...calls];
          for (const [index, facts] of calls.entries()) {
            const position = positions.next().value % (told.length + 1);
            // A repetition comes after its original.
            if (position > told.indexOf(facts)) told.splice(position, 0, facts);
            if (index > 20) break;
          }
          expect(applyAll(told)).toEqual(once);
          expect(once?.callCount).toBe(new Set(calls.map((facts) => facts.sessionId)).size);
        },
      ),
    );
  });

  it('comes to the same counts, times and consents in whatever order calls arrive', () => {
    const distinct = fc.uniqueArray(call, {
      minLength: 1,
      maxLength: 20,
      selector: (facts) => facts.sessionId,
    });
    fc.assert(
      fc.property(
        distinct.chain((calls) =>
          fc.tuple(fc.constant(calls), fc.shuffledSubarray(calls, { minLength: calls.length })),
        ),
        ([calls, shuffled]) => {
          const { callCount, firstCallAt, lastCallAt, consents } = applyAll(calls) as Profile;
          expect(applyAll(shuffled)).toMatchObject({ callCount, firstCallAt, lastCallAt, consents });
        },
      ),
    );
  });

  it('keeps preferences only under consent, and drops them when it is withdrawn', () => {
    const at = (n: number): string => `2026-01-0${n}T00:00:00.000Z`;
    const base = { subjectId: 'subject', preferences: '1.sealed' };
    const without = applyCall(undefined, { ...base, sessionId: 'a', endedAt: at(1) });
    expect(without).not.toHaveProperty('preferences');
    const given = applyCall(without, {
      ...base,
      sessionId: 'b',
      endedAt: at(2),
      consents: { preferences: { granted: true, at: at(2) } },
    });
    expect(given.preferences).toBe('1.sealed');
    const withdrawn = applyCall(given, {
      subjectId: 'subject',
      sessionId: 'c',
      endedAt: at(3),
      consents: { preferences: { granted: false, at: at(3) } },
    });
    expect(withdrawn).not.toHaveProperty('preferences');
  });

  it('keeps a bounded list of sessions', () => {
    const calls = Array.from({ length: SESSIONS_KEPT + 5 }, (_, n) => ({
      subjectId: 'subject',
      sessionId: `s${n}`,
      endedAt: '2026-01-01T00:00:00.000Z',
    }));
    expect(applyAll(calls)).toMatchObject({ callCount: SESSIONS_KEPT + 5 });
    expect(applyAll(calls)?.sessions).toHaveLength(SESSIONS_KEPT);
    expect(applyAll(calls)?.sessions.at(-1)).toBe(`s${SESSIONS_KEPT + 4}`);
  });
});
