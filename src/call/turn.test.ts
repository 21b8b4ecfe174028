import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isTurnOffer, MAX_TURN_BYTES, numberTurn } from './turn.js';

const offer = { turnId: 't', role: 'user', text: 'hello', agent: 'main', startedAtMs: 1, endedAtMs: 2 };

describe('numberTurn', () => {
  it('accepts exactly the next number', () => {
    fc.assert(
      fc.property(fc.nat({ max: 1_000 }), fc.integer({ min: -5, max: 1_010 }), (last, turnNo) => {
        const kind = turnNo === last + 1 ? 'next' : turnNo >= 1 && turnNo <= last ? 'duplicate' : 'gap';
        expect(numberTurn(last, turnNo).kind).toBe(kind);
      }),
    );
  });
});

describe('isTurnOffer', () => {
  it('takes a turn within its limits', () => {
    expect(isTurnOffer(offer)).toBe(true);
    expect(isTurnOffer({ ...offer, text: 'ü'.repeat(MAX_TURN_BYTES / 2) })).toBe(true);
  });

  it.each([
    ['no object', null],
    ['no id', { ...offer, turnId: '' }],
    ['a long id', { ...offer, turnId: 'x'.repeat(129) }],
    ['another role', { ...offer, role: 'assistant' }],
    ['text over the limit', { ...offer, text: 'ü'.repeat(MAX_TURN_BYTES / 2 + 1) }],
    ['no time', { ...offer, startedAtMs: Number.NaN }],
  ])('refuses %s', (_, value) => {
    expect(isTurnOffer(value)).toBe(false);
  });
});
