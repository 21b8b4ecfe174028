/**
 * The owner's hold on a call's session in Redis: claims it, commits turns, writes fields, and finds out what a
 * failure meant (design §4 rules 1 to 4). It never guesses: an unclear answer is read again, a store that went back in
 * time is written again only by a call that placement routed here after the doubt arose, a higher owner ends this one.
 */
import { newNonce } from '../call/incarnation.js';
import type { TurnLedger } from '../call/ledger.js';
import { RtvoiceError } from '../errors.js';
import type { Dispatch } from './host.js';
import {
  type Commit,
  type Journal,
  type JournalEntry,
  JournalFailure,
  type NewSession,
  type Ownership,
  type SessionFields,
  type SessionRecord,
  type Verdict,
  type WriteNumber,
} from './ports.js';

/** durable: Redis has it. waiting: it is in memory, in order, and will be written. */
export type Written = 'durable' | 'waiting';

/** What an owner writes of a session besides its cursor. */
export type WholeFields = Required<Omit<SessionFields, 'incarnation' | 'seq'>>;

export interface WriterHooks {
  /** All fields of the session as memory has them now. */
  fields(): WholeFields;
  /** A newer owner or lineage exists: this instance must go. */
  fenced(): void;
  /** The store diverged: ask for a call of `settle` through Dapr, which proves where the actor lives. */
  doubt(): void;
  /** What another owner wrote, after the store went back in time; `seen` undefined: the session is gone. */
  adopt(seen: SessionRecord | undefined, entries: readonly JournalEntry[]): void;
  newestDispatch(): number;
  count(what: 'fenced' | 'diverged' | 'restored' | 'unknown_resolved' | 'set_aside'): void;
}

/** Turns in one commit, at most: bounds the script's run. */
const MAX_BATCH = 64;

export class SessionWriter {
  readonly #callId: string;
  readonly #journal: Journal;
  readonly #ledger: TurnLedger;
  readonly #hooks: WriterHooks;
  /** One nonce per activation, so that a claim whose reply was lost is the same claim. */
  readonly #nonce = newNonce();
  #own: Ownership | undefined;
  #writes = 0;
  #acknowledged = 0;
  #fieldsDirty = false;
  #doubtSince: number | undefined;

  constructor(callId: string, journal: Journal, ledger: TurnLedger, hooks: WriterHooks) {
    this.#callId = callId;
    this.#journal = journal;
    this.#ledger = ledger;
    this.#hooks = hooks;
  }

  get own(): Ownership | undefined {
    return this.#own;
  }

  /** Something in memory is not in Redis yet. */
  get pending(): boolean {
    return this.#fieldsDirty || this.#doubtSince !== undefined || this.#ledger.waiting.length > 0;
  }

  /** Takes ownership by a fenced write before anything is answered. @throws JournalFailure when Redis is away. */
  async claim(create?: NewSession): Promise<SessionRecord | 'absent'> {
    let record = await this.#journal.claim(this.#callId, this.#nonce, create);
    if (record === 'unreadable') {
      await this.#setAside();
      record = await this.#journal.claim(this.#callId, this.#nonce, create);
    }
    if (record === 'absent' || record === 'unreadable') return 'absent';
    this.#own = {
      incarnation: record.incarnation,
      ownerEpoch: record.ownerEpoch,
      ownerNonce: record.ownerNonce,
    };
    return record;
  }

  /** Fields changed; the next write takes them with it. */
  fieldsChanged(): void {
    this.#fieldsDirty = true;
  }

  /** Marks fields as changed and writes them, with whatever waits. */
  async writeFields(dispatch: Dispatch): Promise<Written> {
    this.#fieldsDirty = true;
    return this.flush(dispatch);
  }

  /** Memory is not an addition to the journal any more: all of it is written again, as after a doubt. */
  rewrite(): void {
    this.#doubtSince ??= this.#hooks.newestDispatch();
    this.#hooks.doubt();
  }

  /** Writes all that waits, in order. Never throws for a store that is away; throws RTV_FENCED_OWNER when stale. */
  async flush(dispatch: Dispatch): Promise<Written> {
    if (!this.#own) return 'waiting';
    if (this.#doubtSince !== undefined && !(await this.#settle(dispatch))) return 'waiting';
    while (this.pending) {
      const waiting = this.#ledger.waiting.slice(0, MAX_BATCH);
      const fromSeq = this.#ledger.lastSeq;
      const fields = this.#fieldsDirty || waiting.length === 0 ? this.#hooks.fields() : undefined;
      const write = this.#nextWrite();
      const payloads = waiting.map((held) => held.payload);
      const verdict =
        payloads.length > 0
          ? await this.#commit({
              commitId: newNonce(),
              write,
              fromSeq,
              payloads,
              ...(fields ? { fields } : {}),
            })
          : await this.#write(write, fields ?? this.#hooks.fields());
      if (verdict?.kind !== 'done') {
        if (verdict) this.#judge(verdict);
        return 'waiting';
      }
      this.#acknowledged = write.number;
      if (fields) this.#fieldsDirty = false;
      this.#ledger.committed(waiting.length, fromSeq);
    }
    return 'durable';
  }

  /** undefined: Redis is away, nothing is known to have happened that was not found out. */
  async #commit(commit: Commit): Promise<Verdict | undefined> {
    const own = this.#requireOwn();
    const send = (): Promise<Verdict> => this.#journal.commit(this.#callId, own, commit);
    try {
      return await send();
    } catch (thrown) {
      if (!(thrown instanceof JournalFailure)) throw thrown;
      if (thrown.wrongType) return this.#damaged();
      if (thrown.kind !== 'unknown') return undefined;
    }
    // Unknown is not no: read what stands there, by the commit's own id.
    return this.#tried(async () => {
      const seen = await this.#journal.read(this.#callId);
      if (seen === 'absent' || seen === 'unreadable') return { kind: 'diverged' };
      const verdict = judgeRecord(own, seen);
      if (verdict.kind !== 'done') return verdict;
      this.#hooks.count('unknown_resolved');
      if (seen.commitId === commit.commitId) return { kind: 'done' };
      return seen.seq === commit.fromSeq ? send() : { kind: 'diverged' };
    });
  }

  /** Field values are absolute, so that writing them twice is writing them once. */
  async #write(number: WriteNumber, fields: SessionFields): Promise<Verdict | undefined> {
    try {
      return await this.#journal.write(this.#callId, this.#requireOwn(), number, fields);
    } catch (thrown) {
      if (!(thrown instanceof JournalFailure)) throw thrown;
      return thrown.wrongType ? this.#damaged() : undefined;
    }
  }

  #damaged(): Promise<Verdict | undefined> {
    return this.#tried(async () => {
      await this.#setAside();
      return { kind: 'diverged' };
    });
  }

  async #setAside(): Promise<void> {
    await this.#journal.setAside(this.#callId);
    this.#hooks.count('set_aside');
  }

  #judge(verdict: Verdict): void {
    if (verdict.kind === 'fenced') {
      this.#hooks.count('fenced');
      this.#hooks.fenced();
      throw new RtvoiceError('RTV_FENCED_OWNER');
    }
    if (this.#doubtSince === undefined) {
      this.#hooks.count('diverged');
      this.#doubtSince = this.#hooks.newestDispatch();
    }
    this.#hooks.doubt();
  }

  /** After a doubt: a call that was routed here since then may write everything again. */
  async #settle(dispatch: Dispatch): Promise<boolean> {
    if (this.#doubtSince === undefined || dispatch.number <= this.#doubtSince) {
      this.#hooks.doubt();
      return false;
    }
    const verdict = await this.#tried(async () => {
      const found = await this.#journal.read(this.#callId);
      if (found === 'unreadable') await this.#setAside();
      const seen = typeof found === 'object' ? found : undefined;
      const own = this.#recognised(seen);
      if (seen && judgeRecord(own, seen).kind === 'fenced') return { kind: 'fenced' };
      const tied = seen?.ownerEpoch === own.ownerEpoch && seen.ownerNonce !== own.ownerNonce;
      this.#hooks.adopt(seen, await this.#journal.entries(this.#callId));
      const next = tied ? { ...own, ownerEpoch: own.ownerEpoch + 1 } : own;
      return this.#restore(next, seen);
    });
    if (verdict?.kind === 'fenced') this.#judge(verdict);
    if (verdict?.kind !== 'done') return false;
    this.#doubtSince = undefined;
    this.#fieldsDirty = false;
    this.#hooks.count('restored');
    return true;
  }

  /** A restore of our own whose reply was lost may have raised the epoch. */
  #recognised(seen: SessionRecord | undefined): Ownership {
    const own = this.#requireOwn();
    const ours = seen?.ownerNonce === own.ownerNonce && seen.incarnation === own.incarnation;
    if (ours) this.#own = { ...own, ownerEpoch: Math.max(own.ownerEpoch, seen.ownerEpoch) };
    return this.#own ?? own;
  }

  async #restore(own: Ownership, seen: SessionRecord | undefined): Promise<Verdict> {
    const { number } = this.#nextWrite();
    const { voids } = this.#ledger;
    const verdict = await this.#journal.restore(this.#callId, own, {
      ...this.#hooks.fields(),
      seq: this.#ledger.lastSeq,
      commitId: newNonce(),
      write: number,
      seen,
      entries: this.#ledger.unarchived().map(({ turn, payload }) => ({ seq: turn.seq, payload })),
      voids,
    });
    if (verdict.kind !== 'done') return verdict;
    this.#own = own;
    this.#acknowledged = number;
    this.#ledger.voided(voids);
    return verdict;
  }

  /** undefined when Redis did not answer, or refused. */
  async #tried(work: () => Promise<Verdict>): Promise<Verdict | undefined> {
    try {
      return await work();
    } catch (thrown) {
      if (thrown instanceof JournalFailure) return undefined;
      throw thrown;
    }
  }

  #nextWrite(): WriteNumber {
    this.#writes += 1;
    return { number: this.#writes, acknowledged: this.#acknowledged };
  }

  #requireOwn(): Ownership {
    if (!this.#own) throw new RtvoiceError('RTV_INTERNAL', 'session not claimed');
    return this.#own;
  }
}

/** What a session found in the store means to an owner. */
export function judgeRecord(own: Ownership, seen: Ownership): Verdict {
  if (seen.incarnation !== own.incarnation || seen.ownerEpoch > own.ownerEpoch) return { kind: 'fenced' };
  if (seen.ownerEpoch < own.ownerEpoch || seen.ownerNonce !== own.ownerNonce) return { kind: 'diverged' };
  return { kind: 'done' };
}
