import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CallFact } from './events.js';
import { Inbox } from './inbox.js';
import { mergeStates, reduce } from './reduce.js';
import { type CallState, initialState, isOver } from './state.js';

const atMs = fc.integer({ min: 1, max: 6 });
const stream = fc.constantFrom('started' as const, 'stopped' as const, 'failed' as const);
const code = fc.constantFrom(0, 200, 487, 500);

const body: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
  fc.constant({ kind: 'connected' }),
  fc.record({ kind: fc.constantFrom('disconnected', 'failed'), code, subCode: fc.nat({ max: 2 }) }),
  fc.record({ kind: fc.constant('participants'), sequence: fc.nat({ max: 3 }), count: fc.nat({ max: 3 }) }),
  fc.record({ kind: fc.constantFrom('mediaStreaming', 'transcription'), state: stream }),
  fc.record({ kind: fc.constant('recording'), state: fc.constantFrom('active', 'inactive') }),
  fc.record({
    kind: fc.constant('reconciled'),
    found: fc.constantFrom('connecting', 'connected', 'disconnected'),
  }),
  fc.constant({ kind: 'operation', type: 'x', ok: true }),
  fc.constant({ kind: 'unknown', type: 'x' }),
);

/** Facts of one call, each with an id of its own. */
const facts: fc.Arbitrary<CallFact[]> = fc
  .array(fc.tuple(body, atMs), { maxLength: 12 })
  .map((list) => list.map(([rest, at], index) => ({ ...rest, id: `f${index}`, atMs: at }) as CallFact));

const all = (list: readonly CallFact[], from: CallState = initialState()): CallState =>
  list.reduce((state, fact) => reduce(state, fact).state, from);

/** The list in another order, some of it doubled. */
const shuffled = facts.chain((list) =>
  fc.tuple(
    fc.constant(list),
    fc.array(fc.nat({ max: Math.max(0, list.length - 1) }), { maxLength: 6 }).chain((again) =>
      fc.shuffledSubarray([...list, ...again.flatMap((at) => list[at] ?? [])], {
        minLength: list.length + (list.length > 0 ? again.length : 0),
      }),
    ),
  ),
);

describe('reduce', () => {
  it('ends in the same state in any order, with any duplicates', () => {
    fc.assert(
      fc.property(shuffled, ([list, other]) => {
        const inbox = new Inbox();
        expect(all(other.filter((fact) => inbox.admit(fact)))).toEqual(all(list));
      }),
      { numRuns: 2_000 },
    );
  });

  it('is not moved by duplicates that slip past the inbox', () => {
    fc.assert(
      fc.property(shuffled, ([list, other]) => {
        const known = (fact: CallFact): boolean => fact.kind !== 'unknown';
        expect(all(other.filter(known))).toEqual(all(list.filter(known)));
      }),
    );
  });

  it('never goes back from an end', () => {
    fc.assert(
      fc.property(facts, facts, (before, after) => {
        const state = all(before);
        fc.pre(isOver(state));
        expect(isOver(all(after, state))).toBe(true);
      }),
    );
  });

  it('asks for the end of the record whenever the call is over, and for streams only before', () => {
    fc.assert(
      fc.property(facts, (list) => {
        const state = all(list);
        for (const fact of list) {
          const { effects } = reduce(state, fact);
          if (fact.kind === 'disconnected') expect(effects).toEqual([{ kind: 'finish' }]);
          if (isOver(state)) expect(effects.every(({ kind }) => kind === 'finish')).toBe(true);
        }
      }),
    );
  });
});

describe('mergeStates', () => {
  it('knows what one owner would know that got the facts of both', () => {
    fc.assert(
      fc.property(facts, fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }), (list, split) => {
        const mine = all(list.filter((_, at) => split[at]));
        const theirs = all(list.filter((_, at) => !split[at]));
        const { unknownEvents: _some, ...merged } = mergeStates(mine, theirs);
        const { unknownEvents: _all, ...whole } = all(list);
        expect(merged).toEqual(whole);
      }),
      { numRuns: 1_000 },
    );
  });
});
