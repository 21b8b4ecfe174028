/**
 * A conversation's place in Redis, for one that reads and writes it without an actor: load, claim, commit, snapshot,
 * authentication. One lineage of commits with the actors: the same session, the same journal, the same fence. Reading
 * takes nothing from anybody; the first write claims the session, if it is still as it was loaded.
 */
import type { Commit, JournalEntry, Ownership, WriteNumber } from '../actors/ports.js';
import { newIncarnation, newNonce } from '../call/incarnation.js';
import { RtvoiceError } from '../errors.js';
import { createJournal } from '../stores/journal.js';
import type { RedisManager } from '../stores/redis/manager.js';
import type { ScriptDefinition } from '../stores/redis/scripts.js';
import { CLAIM_LOADED, SAVE_CONTEXT, SET_ASIDE, WRITE_AUTH } from './memory-scripts.js';
import { asked, loadSession, readEntries, type SessionKeys, sessionKeys } from './session-load.js';
import {
  type LoadedSession,
  librarySessionData,
  marksOf,
  pairsOf,
  type SessionMarks,
  type StoredContext,
} from './session-state.js';

/** What is set aside is kept so long, s. */
export const ASIDE_TTL_S = 7 * 24 * 3600;
/** Turns kept to be written again when Redis went back in time, bytes of their stored form. */
const HELD_BYTES = 1024 * 1024;
const NOTHING: Pick<LoadedSession, 'session' | 'seq' | 'historyLength' | 'historyOf'> = {
  session: undefined,
  seq: 0,
  historyLength: 0,
  historyOf: '',
};

export class MemorySession {
  readonly #id: string;
  readonly #redis: RedisManager;
  readonly #journal;
  readonly #nonce = newNonce();
  readonly #now: () => number;
  readonly #createData: string;
  #loaded: LoadedSession | undefined;
  #own: (Ownership & { readonly marks: SessionMarks }) | undefined;
  #seq = 0;
  #writes = 0;
  #acknowledged = 0;
  #inDoubt: Omit<Commit, 'write'> | undefined;
  #held: JournalEntry[] = [];
  #heldBytes = 0;

  constructor(
    sessionId: string,
    redis: RedisManager,
    options: { now?: () => number; createData?: string } = {},
  ) {
    this.#id = sessionId;
    this.#redis = redis;
    this.#journal = createJournal(redis, redis.keyManager);
    this.#now = options.now ?? Date.now;
    this.#createData = options.createData ?? librarySessionData();
  }

  /** Number of the last committed turn. */
  get seq(): number {
    return this.#seq;
  }

  get mediaEpoch(): number {
    return this.#own?.marks.mediaEpoch ?? this.#loaded?.session?.mediaEpoch ?? 0;
  }

  /** Turns of a commit that had no answer yet; they go first, as they were, when turns are written again. */
  get inDoubt(): number {
    return this.#inDoubt?.payloads.length ?? 0;
  }

  /** Reads the conversation. @throws RtvoiceError RTV_REDIS_UNAVAILABLE, RTV_REDIS_REFUSED: nothing is known then */
  load(): Promise<LoadedSession & { readonly damagedSession: boolean }> {
    return asked(async () => {
      const loaded = await loadSession(this.#redis, this.#journal, this.#id, this.#key);
      this.#loaded = loaded;
      this.#seq = loaded.seq;
      return loaded;
    });
  }

  /** Turns `from` to `to` that are there, in order. */
  entries(from: number, to = this.#seq): Promise<JournalEntry[]> {
    return asked(() => readEntries(this.#redis, this.#id, this.#key.history, from, to));
  }

  /** Makes this one the owner; what was not loaded must not be there. @throws RtvoiceError RTV_FENCED_OWNER, RTV_CALL_ENDED, RTV_REDIS_… */
  async claim(): Promise<SessionMarks> {
    if (this.#own) return this.#own.marks;
    const loaded = this.#loaded ?? NOTHING;
    const [verdict, flat] = await asked(async () => {
      const { session } = loaded;
      const seen = [
        session?.incarnation ?? '',
        session?.ownerEpoch ?? 0,
        session?.ownerNonce ?? '',
        loaded.seq,
      ];
      // A session that expired, or whose journal outlived it, goes on under its incarnation.
      const incarnation = session?.incarnation || loaded.historyOf || newIncarnation(this.#now());
      const create = [incarnation, this.#createData];
      const args = [this.#nonce, this.#ttl('conversation_context'), ...seen, loaded.historyLength, ...create];
      return this.#run(CLAIM_LOADED, [this.#key.session, this.#key.history, this.#key.summary], args);
    });
    const marks = verdict === 'OK' && Array.isArray(flat) ? marksOf(pairsOf(flat)) : undefined;
    if (verdict === 'ENDED') throw new RtvoiceError('RTV_CALL_ENDED');
    if (verdict === 'FENCED') throw new RtvoiceError('RTV_FENCED_OWNER');
    if (!marks) throw new RtvoiceError('RTV_RECORD_UNREADABLE', 'session');
    const { incarnation, ownerEpoch, ownerNonce } = marks;
    this.#own = { incarnation, ownerEpoch, ownerNonce, marks };
    this.#seq = marks.seq;
    return marks;
  }

  /**
   * Appends turns: those in doubt first, as they were. Resolves to how many of `payloads` are durable now.
   * @throws RtvoiceError RTV_REDIS_… (they may be tried again), RTV_FENCED_OWNER, RTV_CALL_ENDED
   */
  async commit(payloads: readonly string[]): Promise<number> {
    await this.claim();
    // The same commit id and turns until there is an answer: a commit that did happen is then not done twice.
    const commit = this.#inDoubt ?? { commitId: newNonce(), fromSeq: this.#seq, payloads };
    this.#inDoubt = commit;
    for (let tries = 1; ; tries += 1) {
      const own = this.#owner();
      const write = this.#nextWrite();
      const verdict = await asked(() => this.#journal.commit(this.#id, own, { ...commit, write }));
      if (verdict.kind === 'done') {
        this.#acknowledged = write.number;
        break;
      }
      if (verdict.kind === 'fenced' || tries > 1) throw new RtvoiceError('RTV_FENCED_OWNER');
      await this.#recover();
    }
    this.#inDoubt = undefined;
    commit.payloads.forEach((payload, at) => {
      this.#hold({ seq: commit.fromSeq + at + 1, payload });
    });
    this.#seq = commit.fromSeq + commit.payloads.length;
    return commit.payloads.length;
  }

  /** Writes the snapshot, and fields of the session with it. @throws as `commit` */
  async save(data: string, fields: Readonly<Record<string, string>> = {}): Promise<void> {
    const keys = [this.#key.session, this.#key.context, this.#key.contextAside];
    const ttl = this.#ttl('conversation_context');
    await this.#fenced(SAVE_CONTEXT, keys, [ttl, data, ASIDE_TTL_S, ...Object.entries(fields).flat()]);
  }

  /** Life of the authentication state, s. */
  get authTtlS(): number {
    return this.#ttl('authentication_state');
  }

  /** Writes the authentication state with its TTL. @throws as `commit` */
  async saveAuth(value: string): Promise<void> {
    await this.#fenced(WRITE_AUTH, [this.#key.session, this.#key.auth], [this.authTtlS, value]);
  }

  /** Ends the authentication, whoever owns the session. */
  async removeAuth(): Promise<void> {
    await asked(() => this.#redis.delete(this.#key.auth, { correlationId: this.#id }));
  }

  /** Moves a damaged context out of the way, if it is still the one that was read. */
  async setContextAside(found: StoredContext): Promise<void> {
    if (found.kind === 'absent') return;
    const args = [found.kind === 'found' ? 'hash' : found.type, ASIDE_TTL_S, found.data];
    await asked(() => this.#run(SET_ASIDE, [this.#key.context, this.#key.contextAside], args));
  }

  async #fenced(script: ScriptDefinition, keys: string[], args: (string | number)[]): Promise<void> {
    await this.claim();
    for (let tries = 1; ; tries += 1) {
      const own = this.#owner();
      const { number, acknowledged } = this.#nextWrite();
      const marks = [own.incarnation, String(own.ownerEpoch), own.ownerNonce, number, acknowledged];
      const [verdict] = await asked(() => this.#run(script, keys, [...marks, ...args]));
      if (verdict === 'OK') {
        this.#acknowledged = number;
        return;
      }
      if (verdict !== 'DIVERGED' || tries > 1) throw new RtvoiceError('RTV_FENCED_OWNER');
      await this.#recover();
    }
  }

  /** Redis has less than was known: it went back in time, or the session expired. Writes it again, if it is still ours. */
  async #recover(): Promise<void> {
    const own = this.#owner();
    const found = await asked(() => this.#journal.read(this.#id));
    if (found === 'unreadable') await asked(() => this.#journal.setAside(this.#id));
    const seen = typeof found === 'object' ? found : undefined;
    if (seen) {
      const ours = seen.ownerEpoch < own.ownerEpoch || seen.ownerNonce === own.ownerNonce;
      if (seen.incarnation !== own.incarnation || !ours || seen.seq > this.#seq) {
        throw new RtvoiceError('RTV_FENCED_OWNER');
      }
    }
    const { mediaEpoch, mediaWorker, archivedThrough, data, saying } = own.marks;
    const { number } = this.#nextWrite();
    const restored = await asked(() =>
      this.#journal.restore(this.#id, own, {
        ...{ mediaEpoch, mediaWorker, archivedThrough, data, saying },
        ...{ seq: this.#seq, commitId: newNonce(), write: number, seen },
        ...{ entries: this.#held, voids: [] },
      }),
    );
    if (restored.kind !== 'done') throw new RtvoiceError('RTV_FENCED_OWNER');
    this.#acknowledged = number;
  }

  #nextWrite(): WriteNumber {
    this.#writes += 1;
    return { number: this.#writes, acknowledged: this.#acknowledged };
  }

  #hold(entry: JournalEntry): void {
    this.#held.push(entry);
    this.#heldBytes += entry.payload.length;
    while (this.#heldBytes > HELD_BYTES)
      this.#heldBytes -= this.#held.shift()?.payload.length ?? this.#heldBytes;
  }

  #owner(): Ownership & { readonly marks: SessionMarks } {
    if (!this.#own) throw new RtvoiceError('RTV_INTERNAL', 'session not claimed');
    return this.#own;
  }

  get #key(): SessionKeys {
    return sessionKeys(this.#redis.keyManager, this.#id);
  }

  #ttl(policy: 'conversation_context' | 'authentication_state'): number {
    return this.#redis.keyManager.ttl(policy);
  }

  async #run(script: ScriptDefinition, keys: readonly string[], args: readonly (string | number)[]) {
    const reply = await this.#redis.script(script, keys, args, { correlationId: this.#id });
    return Array.isArray(reply) ? (reply as unknown[]) : [reply];
  }
}
