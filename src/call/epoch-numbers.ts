/**
 * The numbers under which turns came in one media epoch, counted from 1 by its media worker, and whose turn each is.
 * An epoch that is over takes its numbers with it; the turns stay known by their ids. Pure.
 */
import { type Numbering, numberTurn } from './turn.js';

export class EpochNumbers {
  #epoch = 0;
  /** Turn ids, index number - 1; '' where it is not known any more. */
  #turnIds: string[] = [];

  get epoch(): number {
    return this.#epoch;
  }

  /** The last number that was given; 0 before the first. */
  get last(): number {
    return this.#turnIds.length;
  }

  open(epoch: number): void {
    this.#epoch = epoch;
    this.#turnIds = [];
  }

  /** What a turn is that comes under a number. @param known whether a turn of its id is held, under whatever number */
  numbering(turnNo: number, turnId: string, known: boolean): Numbering {
    const numbering = numberTurn(this.last, turnNo);
    if (numbering.kind !== 'duplicate' || this.#turnIds[turnNo - 1] === turnId || known) return numbering;
    return { kind: 'other' };
  }

  /** The number is taken by this turn, if it is one of this epoch; 0 is none. */
  take({ mediaEpoch, turnNo, turnId }: { mediaEpoch: number; turnNo: number; turnId: string }): void {
    if (mediaEpoch !== this.#epoch || turnNo < 1) return;
    while (this.#turnIds.length < turnNo - 1) this.#turnIds.push('');
    this.#turnIds[turnNo - 1] = turnId;
  }

  /** Takes back the number that was given last. */
  giveBack({ mediaEpoch, turnNo }: { mediaEpoch: number; turnNo: number }): void {
    if (mediaEpoch === this.#epoch && turnNo >= 1) this.#turnIds.length = turnNo - 1;
  }

  /**
   * The number up to which, from `from` on, all turns are archived. A number that is not known any more was taken by
   * a turn that stands before the next known one.
   */
  archivedFrom(from: number, isArchived: (turnId: string) => boolean): number {
    let archived = from;
    for (let number = from; number < this.last; number += 1) {
      const turnId = this.#turnIds[number] ?? '';
      if (turnId === '') continue;
      if (!isArchived(turnId)) break;
      archived = number + 1;
    }
    return archived;
  }
}
