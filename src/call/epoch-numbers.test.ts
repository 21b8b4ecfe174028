import { describe, expect, it } from 'vitest';
import { EpochNumbers } from './epoch-numbers.js';

const taken = (epoch: number, ...turnIds: string[]): EpochNumbers => {
  const numbers = new EpochNumbers();
  numbers.open(epoch);
  turnIds.forEach((turnId, index) => {
    if (turnId !== '') numbers.take({ mediaEpoch: epoch, turnNo: index + 1, turnId });
  });
  return numbers;
};

describe('the numbers of a media epoch', () => {
  it('tell the next turn, a duplicate, a gap, and another turn under a number that was given', () => {
    const numbers = taken(1, 'a', 'b');
    expect(numbers.numbering(3, 'c', false)).toEqual({ kind: 'next' });
    expect(numbers.numbering(2, 'b', true)).toEqual({ kind: 'duplicate' });
    expect(numbers.numbering(4, 'd', false)).toEqual({ kind: 'gap', expected: 3 });
    expect(numbers.numbering(2, 'x', false)).toEqual({ kind: 'other' });
    // Known under another number: it needs no second one.
    expect(numbers.numbering(2, 'x', true)).toEqual({ kind: 'duplicate' });
  });

  it('begin anew with each epoch, and take none of another', () => {
    const numbers = taken(1, 'a', 'b');
    numbers.open(2);
    numbers.take({ mediaEpoch: 1, turnNo: 1, turnId: 'late' });
    numbers.take({ mediaEpoch: 2, turnNo: 0, turnId: 'loose' });
    expect([numbers.epoch, numbers.last]).toEqual([2, 0]);
  });

  it('are given back by the turn that took them last', () => {
    const numbers = taken(1, 'a', 'b');
    numbers.giveBack({ mediaEpoch: 1, turnNo: 2 });
    expect(numbers.numbering(2, 'c', false)).toEqual({ kind: 'next' });
  });

  it('are archived up to the first turn that is not, over those that are not known any more', () => {
    const archived = new Set(['a', 'c', 'e']);
    const numbers = taken(1, 'a', '', 'c', 'd', 'e');
    expect(numbers.archivedFrom(0, (turnId) => archived.has(turnId))).toBe(3);
    archived.add('d');
    expect(numbers.archivedFrom(3, (turnId) => archived.has(turnId))).toBe(5);
  });
});
