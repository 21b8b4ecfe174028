import { describe, expect, it } from 'vitest';
import { KnownTurns } from './known-turns.js';

describe('KnownTurns', () => {
  it('forgets the turns placed longest ago, and never one that waits', () => {
    const known = new KnownTurns(3);
    known.waits('w');
    for (let seq = 1; seq <= 5; seq += 1) known.placed(`t${seq}`, seq);
    expect(known.has('w')).toBe(true);
    expect([1, 2, 3, 4, 5].filter((seq) => known.has(`t${seq}`))).toEqual([4, 5]);
  });

  it('tells a turn that waits from one that stands somewhere', () => {
    const known = new KnownTurns();
    known.waits('a');
    known.placed('c', 7);
    expect(['a', 'c', 'd'].map((id) => known.isPlaced(id))).toEqual([false, true, false]);
    expect(known.place('c')).toBe(7);
  });
});
