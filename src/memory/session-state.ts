/** A session as the memory of a conversation finds it in Redis: what was read in one look. */
import type { JournalEntry } from '../actors/ports.js';
import { initialState } from '../call/state.js';
import type { BatchResult } from '../stores/redis/batch.js';
import { isRecord } from './context.js';

/** The marks of a session's hash (see stores/journal-scripts.ts), as read. */
export interface SessionMarks {
  readonly incarnation: string;
  readonly ownerEpoch: number;
  readonly ownerNonce: string;
  readonly mediaEpoch: number;
  readonly mediaWorker: string;
  readonly seq: number;
  readonly commitId: string;
  readonly archivedThrough: number;
  readonly data: string;
  readonly saying: string;
  /** Number of the owner's last write. */
  readonly write: number;
  /** Digest of the legacy keys whose content the context already has; '' when there were none. */
  readonly legacy: string;
}

/** What stands at the context's key. */
export type StoredContext =
  | { readonly kind: 'found'; readonly data: string }
  | { readonly kind: 'absent' }
  /** Not the hash that it must be. */
  | { readonly kind: 'damaged'; readonly type: string; readonly data: string };

export interface LoadedSession {
  readonly session: SessionMarks | undefined;
  readonly context: StoredContext;
  /** Fields of the journal's hash. */
  readonly historyLength: number;
  /** Whose turns the journal holds; '' when it does not say. */
  readonly historyOf: string;
  /** Highest number in use: the session's, or the journal's where the session has expired before it. */
  readonly seq: number;
  readonly auth: { readonly value: string; readonly leftMs: number; readonly askedAtMs: number } | undefined;
  /** The journal, where it had to be read as a whole. */
  readonly entries: readonly JournalEntry[] | undefined;
}

/** Marks from a session's hash; undefined when it has none, or damaged ones. */
export function marksOf(hash: Readonly<Record<string, string>>): SessionMarks | undefined {
  const { inc, oe, on, d } = hash;
  if (!inc || !oe || !on || !d) return undefined;
  return {
    incarnation: inc,
    ownerEpoch: Number(oe),
    ownerNonce: on,
    mediaEpoch: Number(hash.me ?? 0),
    mediaWorker: hash.mw ?? '',
    seq: Number(hash.seq ?? 0),
    commitId: hash.cid ?? '',
    archivedThrough: Number(hash.ar ?? 0),
    data: d,
    saying: hash.say ?? '',
    write: Number(hash.wn ?? 0),
    legacy: hash.lm ?? '',
  };
}

/** The state of a session that no call made: an actor can take it over, and the TTL audit knows it from a call. */
export const librarySessionData = (): string =>
  JSON.stringify({ state: initialState(), origin: { correlationId: '' }, workerUrl: '', by: 'library' });

/** The value of a batch's reply; throws its failure. */
export function answerOf(reply: BatchResult | undefined): unknown {
  if (reply?.ok) return reply.value;
  if (reply) throw reply.failure;
  return undefined;
}

export const wrongType = (reply: BatchResult | undefined): boolean =>
  reply?.ok === false && reply.failure.reply === 'WRONGTYPE';

/** A hash from its flat reply; undefined when the key is of another type. */
export function hashOf(reply: BatchResult | undefined): Record<string, string> | undefined {
  if (wrongType(reply)) return undefined;
  const value = answerOf(reply);
  if (Array.isArray(value)) return pairsOf(value);
  return isRecord(value) ? (value as Record<string, string>) : {};
}

export function pairsOf(flat: readonly unknown[]): Record<string, string> {
  const all: Record<string, string> = {};
  for (let at = 0; at + 1 < flat.length; at += 2) all[String(flat[at])] = String(flat[at + 1]);
  return all;
}

export function contextOf(reply: BatchResult | undefined, type: string): StoredContext {
  const hash = hashOf(reply);
  if (!hash) return { kind: 'damaged', type, data: '' };
  if (Object.keys(hash).length === 0) return { kind: 'absent' };
  return hash.data === undefined
    ? { kind: 'damaged', type: 'hash', data: '' }
    : { kind: 'found', data: hash.data };
}
