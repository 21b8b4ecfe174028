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
  JournalFailure,
  type Ownership,
  type SessionFields,
  type SessionRecord,
  type Verdict,
} from './ports.js';

/** durable: Redis has it. waiting: it is in memory, in order, and will be written. */
export type Written = 'durable' | 'waiting';

export interface WriterHooks {
  /** All fields of the session as memory has them now. */
  fields(): Required<SessionFields>;
  /** A newer owner or lineage exists: this instance must go. */
  fenced(): void;
  /** The store diverged: ask for a call of `settle` through Dapr, which proves where the actor lives. */
  doubt(): void;
  /** Entries of the store that memory does not know (another owner's, after a flush). */
  adopt(entries: readonly { seq: number; payload: string }[]): void;
  newestDispatch(): number;
  count(what: 'fenced' | 'diverged' | 'restored' | 'unknown_resolved'): void;
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
    return this.#fieldsDirty || this.#ledger.waiting.length > 0;
  }

  /** Takes ownership by a fenced write before anything is answered. @throws JournalFailure when Redis is away. */
  async claim(create?: { incarnation: string; data: string }): Promise<SessionRecord | 'absent'> {
    let record = await this.#journal.claim(this.#callId, this.#nonce, create);
    if (record === 'unreadable') {
      await this.#journal.setAside(this.#callId);
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

  /** Marks fields as changed and writes them, with whatever waits. */
  async writeFields(dispatch: Dispatch): Promise<Written> {
    this.#fieldsDirty = true;
    return this.flush(dispatch);
  }

  /** Writes all that waits, in order. Never throws for a store that is away; throws RTV_FENCED_OWNER when stale. */
  async flush(dispatch: Dispatch): Promise<Written> {
    if (!this.#own) return 'waiting';
    if (this.#doubtSince !== undefined && !(await this.#settle(dispatch))) return 'waiting';
    while (this.pending) {
      const waiting = this.#ledger.waiting.slice(0, MAX_BATCH);
      const fromSeq = this.#ledger.lastSeq;
      const fields = this.#fieldsDirty ? this.#hooks.fields() : undefined;
      this.#fieldsDirty = false;
      const verdict =
        waiting.length > 0
          ? await this.#commit({
              commitId: newNonce(),
              fromSeq,
              payloads: waiting.map((held) => held.payload),
              ...(fields ? { fields } : {}),
            })
          : await this.#tryWrite(fields ?? this.#hooks.fields());
      if (verdict === undefined || verdict.kind !== 'done') {
        this.#fieldsDirty ||= fields !== undefined;
        if (verdict === undefined) return 'waiting';
        this.#judge(verdict);
        return 'waiting';
      }
      if (waiting.length > 0) this.#ledger.committed(waiting.length, fromSeq);
    }
    return 'durable';
  }

  /** undefined: Redis is away, nothing is known to have happened that was not found out. */
  async #commit(commit: Commit): Promise<Verdict | undefined> {
    const own = this.#requireOwn();
    try {
      return await this.#journal.commit(this.#callId, own, commit);
    } catch (thrown) {
      if (!(thrown instanceof JournalFailure)) throw thrown;
      if (thrown.wrongType) return this.#damaged();
      if (thrown.kind !== 'unknown') return undefined;
    }
    // Unknown is not no: read what stands there, by the commit's own id.
    try {
      const seen = await this.#journal.read(this.#callId);
      if (seen === 'absent' || seen === 'unreadable') return { kind: 'diverged' };
      const verdict = judgeRecord(own, seen);
      if (verdict.kind !== 'done') return verdict;
      this.#hooks.count('unknown_resolved');
      if (seen.commitId === commit.commitId) return { kind: 'done' };
      if (seen.seq !== commit.fromSeq) return { kind: 'diverged' };
      return await this.#journal.commit(this.#callId, own, commit);
    } catch (thrown) {
      if (thrown instanceof JournalFailure) return undefined;
      throw thrown;
    }
  }

  async #tryWrite(fields: SessionFields): Promise<Verdict | undefined> {
    try {
      // Field values are absolute, so that writing them twice is writing them once.
      return await this.#journal.write(this.#callId, this.#requireOwn(), fields);
    } catch (thrown) {
      if (!(thrown instanceof JournalFailure)) throw thrown;
      return thrown.wrongType ? this.#damaged() : undefined;
    }
  }

  async #damaged(): Promise<Verdict | undefined> {
    try {
      await this.#journal.setAside(this.#callId);
      return { kind: 'diverged' };
    } catch (thrown) {
      if (thrown instanceof JournalFailure) return undefined;
      throw thrown;
    }
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
    const own = this.#requireOwn();
    try {
      const seen = await this.#journal.read(this.#callId);
      if (seen === 'unreadable') await this.#journal.setAside(this.#callId);
      let ownerEpoch = own.ownerEpoch;
      if (typeof seen === 'object') {
        if (judgeRecord(own, seen).kind === 'fenced') this.#judge({ kind: 'fenced' });
        if (seen.ownerEpoch === ownerEpoch && seen.ownerNonce !== own.ownerNonce) ownerEpoch += 1;
        this.#hooks.adopt(await this.#journal.entries(this.#callId));
      }
      this.#own = { ...own, ownerEpoch };
      const verdict = await this.#journal.restore(this.#callId, this.#own, {
        ...this.#hooks.fields(),
        seq: this.#ledger.lastSeq,
        commitId: newNonce(),
        entries: this.#ledger.unarchived().map((held) => ({ seq: held.turn.seq, payload: held.payload })),
      });
      if (verdict.kind === 'fenced') this.#judge(verdict);
      if (verdict.kind !== 'done') return false;
      this.#doubtSince = undefined;
      this.#fieldsDirty = false;
      this.#hooks.count('restored');
      return true;
    } catch (thrown) {
      if (thrown instanceof JournalFailure) return false;
      throw thrown;
    }
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
