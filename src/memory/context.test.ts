import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Turn } from '../call/turn.js';
import { applyPatch, applyTurn, emptyContext, isContext, WINDOW_TURNS } from './context.js';
import { joinPatches, patchOf } from './patches.js';

const turn = (seq: number): Turn => ({
  ...{ turnId: `t${seq}`, role: 'user', text: `text ${seq}`, agent: 'main' },
  ...{ startedAtMs: 0, endedAtMs: 0, seq, mediaEpoch: 1, turnNo: seq },
});

describe('a context', () => {
  test('keeps the last turns in its window and takes each once', () => {
    let context = emptyContext();
    for (let seq = 1; seq <= WINDOW_TURNS + 5; seq += 1) {
      context = applyTurn(applyTurn(context, turn(seq)), turn(seq));
    }
    expect(context.window.map(({ seq }) => seq)).toEqual(
      Array.from({ length: WINDOW_TURNS }, (_, n) => n + 6),
    );
    expect(context.throughSeq).toBe(WINDOW_TURNS + 5);
  });

  test('takes names as names', () => {
    const patch = patchOf(
      JSON.parse('{"slots":{"__proto__":{"x":1},"constructor":2},"__proto__":3}') as Record<string, unknown>,
    );
    const context = applyPatch(emptyContext(), patch);
    expect(Object.entries(context.slots)).toEqual([
      ['__proto__', { x: 1 }],
      ['constructor', 2],
    ]);
    expect(Object.getPrototypeOf(context.slots)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  test('removes with null, the system prompt too', () => {
    const full = applyPatch(emptyContext(), { systemPrompt: 'a', slots: { a: 1 }, values: { b: 2 } });
    const none = applyPatch(full, { systemPrompt: null, slots: { a: null }, values: { b: null } });
    expect(none).toEqual({ ...emptyContext(), values: {} });
    expect(isContext(none)).toBe(true);
    expect(isContext({ ...none, slots: null })).toBe(false);
    expect(isContext({ ...none, values: [] })).toBe(false);
  });

  test('joined patches do what both do one after another', () => {
    const record = fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), fc.option(fc.integer()), {
      maxKeys: 3,
    });
    const patch = fc.record(
      {
        activeAgent: fc.constantFrom('x', 'y'),
        systemPrompt: fc.option(fc.constantFrom('p', 'q')),
        slots: record,
        toolOutputs: record,
        values: record,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(patch, patch, patch, (start, first, second) => {
        const context = applyPatch(emptyContext(), start);
        const stepwise = applyPatch(applyPatch(context, first), second);
        const joined = applyPatch(context, joinPatches(applyPatch(context, first), first, second));
        expect({ ...joined, values: joined.values ?? {} }).toEqual({
          ...stepwise,
          values: stepwise.values ?? {},
        });
      }),
    );
  });
});
