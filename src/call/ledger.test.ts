import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type HeldTurn, TurnLedger } from './ledger.js';

const turn = (turnId: string, seq = 0, mediaEpoch = 1, turnNo = 0): HeldTurn => ({
  payload: turnId,
  turn: { turnId, seq, mediaEpoch, turnNo, role: 'user', text: '', agent: '', startedAtMs: 0, endedAtMs: 0 },
});

const numbered = (ids: string, from = 1): HeldTurn[] =>
  [...ids].map((id, at) => turn(id, from + at, 1, from + at));

/** `a1 b2` */
const unarchived = (ledger: TurnLedger): string =>
  ledger
    .unarchived()
    .map((held) => `${held.turn.turnId}${held.turn.seq}`)
    .join(' ');

const archive = (text: string) =>
  text
    .split(' ')
    .filter(Boolean)
    .map((one) => ({ turnId: one.slice(0, 1), seq: Number(one.slice(1)) }));

function holding(ids: string, archivedThrough = 0): TurnLedger {
  const ledger = new TurnLedger();
  ledger.restore({ turns: numbered(ids), lastSeq: ids.length, mediaEpoch: 1, archivedThrough });
  return ledger;
}

describe('numbering', () => {
  it('is next, a duplicate, a gap, or the number of another turn', () => {
    const ledger = holding('ab');
    expect(ledger.numbering(3, 'c')).toEqual({ kind: 'next' });
    expect(ledger.numbering(2, 'b')).toEqual({ kind: 'duplicate' });
    expect(ledger.numbering(4, 'd')).toEqual({ kind: 'gap', expected: 3 });
    expect(ledger.numbering(2, 'x')).toEqual({ kind: 'other' });
    expect(ledger.numbering(1, 'b')).toEqual({ kind: 'duplicate' });
    expect(ledger.numbering(0, 'x')).toEqual({ kind: 'gap', expected: 3 });
  });

  it('knows numbers of its epoch alone', () => {
    const ledger = holding('ab');
    ledger.openEpoch(2);
    expect(ledger.numbering(1, 'a')).toEqual({ kind: 'next' });
    ledger.acknowledgeAgain(1, 'a');
    expect(ledger.lastTurnNo).toBe(1);
    expect(ledger.seqOf('a')).toBe(1);
  });

  it('never calls a turn durable that it does not hold', () => {
    const ledger = new TurnLedger();
    ledger.restore({ turns: [turn('c', 3, 1, 3)], lastSeq: 3, mediaEpoch: 1, archivedThrough: 0 });
    expect(ledger.numbering(2, 'b')).toEqual({ kind: 'other' });
    expect(ledger.isDurable('b')).toBe(false);
  });
});

describe('turns that wait', () => {
  it('have no number until they are committed, and then one each, in order', () => {
    const ledger = holding('ab');
    ledger.accept(turn('c', 0, 1, 3));
    ledger.accept(turn('d', 0, 1, 4));
    expect([ledger.seqOf('c'), ledger.isDurable('c')]).toEqual([0, false]);
    ledger.committed(1, 2);
    expect([ledger.seqOf('c'), ledger.isDurable('c'), ledger.seqOf('d')]).toEqual([3, true, 0]);
    ledger.committed(1, 3);
    expect(unarchived(ledger)).toBe('a1 b2 c3 d4');
    expect(ledger.waitingBytes).toBe(0);
  });

  it('can be taken back, which frees the number', () => {
    const ledger = holding('a');
    const held = turn('b', 0, 1, 2);
    ledger.accept(held);
    ledger.retract(held);
    expect([ledger.lastTurnNo, ledger.knows('b'), ledger.waitingBytes]).toEqual([1, false, 0]);
  });
});

describe('archived', () => {
  it('names exact turns: another turn under the number stays', () => {
    const ledger = holding('ab');
    ledger.archived(archive('x1 b2'));
    expect([unarchived(ledger), ledger.archivedThrough]).toEqual(['a1', 0]);
    ledger.archived(archive('a1'));
    expect([unarchived(ledger), ledger.archivedThrough]).toEqual(['', 2]);
  });

  it('says up to which number of the epoch a media worker may forget', () => {
    const ledger = holding('abc');
    ledger.archived(archive('a1 c3'));
    expect(ledger.archivedNumber(0)).toBe(1);
    ledger.archived(archive('b2'));
    expect(ledger.archivedNumber(1)).toBe(3);
  });

  it('lets a media worker forget numbers of which only the turn is known', () => {
    const ledger = new TurnLedger();
    const turns = [turn('a', 1, 1, 7), turn('b', 2, 2, 2)];
    ledger.restore({ turns, lastSeq: 2, mediaEpoch: 2, archivedThrough: 0 });
    expect(ledger.archivedNumber(0)).toBe(0);
    ledger.archived(archive('a1 b2'));
    expect(ledger.archivedNumber(0)).toBe(2);
  });
});

describe('reconcile with the archive', () => {
  it('changes nothing where the archive holds what memory holds', () => {
    const ledger = holding('abc');
    expect(ledger.reconcile(archive('a1 b2'))).toBe(false);
    expect([unarchived(ledger), ledger.archivedThrough, ledger.lastSeq]).toEqual(['c3', 2, 3]);
  });

  it('moves a turn whose number is taken, and all after it, behind the archive, in order and without a gap', () => {
    const ledger = holding('abcd');
    expect(ledger.reconcile(archive('a1 x2 y3'))).toBe(true);
    expect([unarchived(ledger), ledger.lastSeq, ledger.archivedThrough]).toEqual(['b4 c5 d6', 6, 3]);
    expect(ledger.voids).toEqual([2, 3]);
    expect(ledger.knows('x')).toBe(true);
  });

  it('does not keep a second copy of a turn that the archive has under another number', () => {
    const ledger = holding('ab');
    ledger.accept(turn('x', 0, 1, 3));
    expect(ledger.reconcile(archive('x1'))).toBe(true);
    expect([unarchived(ledger), ledger.waiting.length, ledger.lastSeq]).toEqual(['a2 b3', 0, 3]);
    expect(ledger.isDurable('x')).toBe(true);
  });

  it('keeps each turn once, in order, at a number that is free', () => {
    const ids = fc.uniqueArray(fc.constantFrom(...'abcdefgh'), { minLength: 1 });
    const others = fc.uniqueArray(fc.constantFrom(...'abcdefghuvwxyz'), { maxLength: 8 });
    fc.assert(
      fc.property(ids, others, fc.nat({ max: 3 }), (mine, theirs, waiting) => {
        const ledger = holding(mine.join(''));
        for (let at = 0; at < waiting; at += 1) ledger.accept(turn(String(at), 0, 1, 0));
        const found = theirs.map((turnId, at) => ({ turnId, seq: at + 1 }));
        ledger.reconcile(found);
        const left = ledger.unarchived().map((held) => held.turn);
        const kept = mine.filter((id) => !theirs.includes(id));
        expect(left.map(({ turnId }) => turnId)).toEqual(kept);
        expect(left.every(({ seq }) => seq <= ledger.lastSeq && !found.some((one) => one.seq === seq))).toBe(
          true,
        );
        expect(mine.every((id) => ledger.isDurable(id))).toBe(true);
        expect(ledger.waiting.length).toBe(waiting);
      }),
    );
  });
});

describe('adopt', () => {
  it('takes over what another owner wrote after the last number as it stands', () => {
    const ledger = holding('ab');
    ledger.adopt(numbered('abcd'));
    expect([unarchived(ledger), ledger.lastSeq]).toEqual(['a1 b2 c3 d4', 4]);
    expect(ledger.numbering(4, 'd')).toEqual({ kind: 'duplicate' });
  });

  it('gives a turn whose number is taken a new one, before what was never acknowledged', () => {
    const ledger = holding('ab');
    ledger.accept(turn('w', 0, 1, 3));
    ledger.adopt([turn('x', 2, 1, 2)]);
    expect(ledger.waiting.map((held) => held.turn.turnId)).toEqual(['x', 'w']);
    ledger.committed(2, 2);
    expect(unarchived(ledger)).toBe('a1 b2 x3 w4');
  });
});

describe('adopt, of what waited here', () => {
  it('finds a turn committed that it still held as waiting, at its place', () => {
    const ledger = holding('');
    ledger.accept(turn('a', 0, 1, 1));
    ledger.accept(turn('w', 0, 1, 2));
    expect(ledger.adopt(numbered('ab'))).toHaveLength(1);
    expect([unarchived(ledger), ledger.lastSeq]).toEqual(['a1 b2', 2]);
    expect(ledger.waiting.map((held) => held.turn.turnId)).toEqual(['w']);
    expect(ledger.waitingBytes).toBe(1);
  });
});
