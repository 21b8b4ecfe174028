/**
 * The turns of a call as media workers hand them in: checked against the attachment, numbered, taken into memory. While
 * the session cannot even be read they are held in order and join the ledger once it was (design §4 rules 3 and 5).
 */
import type { Turn, TurnOffer } from '../call/turn.js';
import { isTurnOffer } from '../call/turn.js';
import { RtvoiceError } from '../errors.js';
import { applyTurn } from '../memory/context.js';
import type { CallMemory } from './call-memory.js';
import type { TurnAnswer, TurnArgs } from './call-messages.js';
import { holdTurn } from './call-record.js';
import type { CallServices } from './call-services.js';
import type { CallWrites } from './call-writes.js';
import type { Dispatch } from './host.js';

export class CallTurns {
  readonly #memory: CallMemory;
  readonly #writes: CallWrites;
  readonly #services: CallServices;
  /** Turns taken while the session could not be read. */
  #held: TurnArgs[] = [];
  #archivedCursor = { epoch: 0, number: 0 };

  constructor(memory: CallMemory, writes: CallWrites, services: CallServices) {
    this.#memory = memory;
    this.#writes = writes;
    this.#services = services;
  }

  /** Turns that Redis does not have. */
  get waiting(): number {
    return this.#memory.ledger.waiting.length + this.#held.length;
  }

  get holding(): boolean {
    return this.#held.length > 0;
  }

  /** @throws RTV_TURN_INVALID */
  check(args: TurnArgs): void {
    if (!isTurnOffer(args.offer) || !Number.isInteger(args.turnNo))
      throw new RtvoiceError('RTV_TURN_INVALID');
  }

  /** @throws RTV_CALL_UNKNOWN: attach again. RTV_FENCED_MEDIA: another media worker has the call. */
  checkMedia(incarnation: string, mediaEpoch: number): void {
    const { ledger } = this.#memory;
    // A higher epoch than known: state went back in time, and the media worker must take a new one.
    const lost = mediaEpoch > ledger.mediaEpoch;
    if (lost || incarnation !== this.#memory.incarnation) throw new RtvoiceError('RTV_CALL_UNKNOWN');
    if (mediaEpoch !== ledger.mediaEpoch) throw new RtvoiceError('RTV_FENCED_MEDIA');
  }

  /** Takes a turn and writes it. @throws TurnGap, RTV_CALL_ENDED, RTV_BACKLOG_FULL, and what `checkMedia` throws */
  async take(args: TurnArgs, dispatch: Dispatch): Promise<{ ok: true } & TurnAnswer> {
    const { turnNo, mediaEpoch, offer } = args;
    const { id, state, origin, ledger } = this.#memory;
    this.checkMedia(args.incarnation, mediaEpoch);
    if (state.phase === 'ended') throw new RtvoiceError('RTV_CALL_ENDED');
    const numbering = ledger.numbering(turnNo, offer.turnId);
    if (numbering.kind === 'gap') throw new TurnGap(numbering.expected);
    // Another turn has this number: the media worker attaches again and numbers anew.
    if (numbering.kind === 'other') throw new RtvoiceError('RTV_CALL_UNKNOWN');
    if (numbering.kind === 'next') this.#accept(turnNo, mediaEpoch, offer);
    // A duplicate completes whatever its first try left undone.
    const started = performance.now();
    const facts = { call: id, role: offer.role, number: turnNo };
    await this.#services.trace.span('turn.commit', origin.traceparent, facts, () =>
      this.#writes.flush(dispatch),
    );
    const durable = ledger.isDurable(offer.turnId);
    if (!durable) this.#services.metrics.provisional(offer.role);
    else if (numbering.kind === 'next') this.#services.metrics.committed(performance.now() - started);
    return { ok: true, seq: ledger.seqOf(offer.turnId), durable, archivedNo: this.#archivedNo() };
  }

  /** Keeps a turn until the session can be read. @throws TurnGap, RTV_BACKLOG_FULL */
  hold(args: TurnArgs): { ok: true } & TurnAnswer {
    const { incarnation, mediaEpoch, turnNo } = args;
    const last = this.#held.findLast(
      (held) => held.incarnation === incarnation && held.mediaEpoch === mediaEpoch,
    );
    // Of an attachment that began elsewhere the first ones may have been taken there.
    const first = this.#memory.provisionals.has(incarnation) ? 1 : turnNo;
    const expected = last ? last.turnNo + 1 : first;
    if (turnNo > expected) throw new TurnGap(expected);
    if (turnNo === expected) {
      const bytes = this.#held.reduce((sum, { offer }) => sum + offer.text.length, args.offer.text.length);
      if (!this.#services.backlog.set(this.#memory.id, bytes, this.#held.length + 1)) {
        throw new RtvoiceError('RTV_BACKLOG_FULL');
      }
      this.#held.push(args);
    }
    this.#services.metrics.provisional(args.offer.role);
    return { ok: true, seq: 0, durable: false, archivedNo: 0 };
  }

  /** The session was read: turns that were held join the order now; the media worker may send them again. */
  replay(): void {
    const { id, ledger, incarnation, provisionals } = this.#memory;
    const held = this.#held;
    this.#held = [];
    this.#memory.provisional = undefined;
    const { mediaEpoch } = ledger;
    for (const { turnNo, offer, ...at } of held) {
      const here = at.incarnation === incarnation && at.mediaEpoch === mediaEpoch;
      const next = here && ledger.numbering(turnNo, offer.turnId).kind === 'next';
      // Taken in an attachment that is over: without a number, known by its id when it is sent again.
      const loose = provisionals.has(at.incarnation);
      if (next || loose) this.#accept(next ? turnNo : 0, next ? mediaEpoch : 0, offer);
    }
    provisionals.clear();
    this.#services.backlog.set(id, ledger.waitingBytes, ledger.waiting.length);
  }

  #accept(turnNo: number, mediaEpoch: number, offer: TurnOffer): void {
    const { id, ledger } = this.#memory;
    if (ledger.knows(offer.turnId)) {
      if (turnNo > 0) ledger.acknowledgeAgain(turnNo, offer.turnId);
      return;
    }
    const turn: Turn = { ...offer, seq: 0, mediaEpoch, turnNo };
    const held = holdTurn(this.#services.seal, id, turn);
    ledger.accept(held);
    if (!this.#services.backlog.set(id, ledger.waitingBytes, ledger.waiting.length)) {
      ledger.retract(held);
      throw new RtvoiceError('RTV_BACKLOG_FULL');
    }
    this.#memory.context = applyTurn(this.#memory.context, turn);
    if (turn.role === 'agent') this.#memory.saying = undefined;
  }

  /** The media worker may forget its turns up to this number of the current epoch. */
  #archivedNo(): number {
    const { ledger } = this.#memory;
    const epoch = ledger.mediaEpoch;
    const from = this.#archivedCursor.epoch === epoch ? this.#archivedCursor.number : 0;
    this.#archivedCursor = { epoch, number: ledger.archivedNumber(from) };
    return this.#archivedCursor.number;
  }
}

/** RTV_TURN_GAP with the number that is expected. */
export class TurnGap extends RtvoiceError {
  readonly expected: number;

  constructor(expected: number) {
    super('RTV_TURN_GAP', `expected ${expected}`);
    this.expected = expected;
  }
}
