/** Reads a session's keys, and names them. */
import { type Journal, type JournalEntry, JournalFailure } from '../actors/ports.js';
import { RtvoiceError } from '../errors.js';
import { Component, type RedisKeyManager } from '../stores/keys.js';
import { RedisFailure } from '../stores/redis/failure.js';
import type { RedisManager } from '../stores/redis/manager.js';
import { answerOf, contextOf, hashOf, type LoadedSession, marksOf, wrongType } from './session-state.js';

const READ_CHUNK = 200;

export interface SessionKeys {
  readonly session: string;
  readonly summary: string;
  readonly history: string;
  readonly auth: string;
  readonly context: string;
  readonly contextAside: string;
}

export function sessionKeys(keys: RedisKeyManager, id: string): SessionKeys {
  const context = keys.conversationKey(id, Component.CONTEXT);
  return {
    session: keys.callKey(id, Component.SESSION),
    summary: keys.callKey(id, Component.SUMMARY),
    history: keys.conversationKey(id, Component.HISTORY),
    auth: keys.conversationKey(id, Component.AUTH),
    context,
    contextAside: `${context}:aside`,
  };
}

/** All of a session in one look; a damaged session or journal is set aside. */
export async function loadSession(
  redis: RedisManager,
  journal: Journal,
  id: string,
  key: SessionKeys,
): Promise<LoadedSession & { readonly damagedSession: boolean }> {
  const askedAtMs = performance.now();
  const replies = await redis.batch(
    [
      ['hgetall', key.session],
      ['hgetall', key.context],
      ['hlen', key.history],
      ['get', key.auth],
      ['pttl', key.auth],
      ['type', key.context],
      ['hget', key.history, 'inc'],
    ],
    { correlationId: id },
  );
  const session = hashOf(replies[0]);
  const length = wrongType(replies[2]) ? undefined : Number(answerOf(replies[2]));
  const marks = session && marksOf(session);
  const damagedSession = session === undefined || length === undefined || (!marks && 'inc' in session);
  if (damagedSession) await journal.setAside(id);
  // The journal outlives the session: where only it is left, its end says where the numbers go on.
  const orphaned = !marks && (length ?? 0) > 0;
  const entries = orphaned ? await journal.entries(id) : undefined;
  const value = wrongType(replies[3]) ? undefined : answerOf(replies[3]);
  return {
    session: marks,
    context: contextOf(replies[1], String(answerOf(replies[5]))),
    historyLength: length ?? 0,
    historyOf: length === undefined ? '' : String(answerOf(replies[6]) ?? ''),
    seq: marks?.seq ?? Math.max(0, ...(entries ?? []).map((entry) => entry.seq)),
    auth: typeof value === 'string' ? { value, leftMs: Number(answerOf(replies[4])), askedAtMs } : undefined,
    entries,
    damagedSession,
  };
}

/** Turns `from` to `to` that are there, in order, at most 200 a round trip. */
export async function readEntries(
  redis: RedisManager,
  id: string,
  history: string,
  from: number,
  to: number,
): Promise<JournalEntry[]> {
  const found: JournalEntry[] = [];
  for (let start = from; start <= to; start += READ_CHUNK) {
    const numbers = Array.from({ length: Math.min(READ_CHUNK, to - start + 1) }, (_, at) => start + at);
    const payloads = await redis.hmget(history, numbers.map(String), { correlationId: id });
    numbers.forEach((seq, at) => {
      const payload = payloads[at];
      if (payload !== undefined) found.push({ seq, payload });
    });
  }
  return found;
}

/** Runs it with failures of Redis under the codes of the catalogue. */
export async function asked<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw catalogued(cause);
  }
}

/** A failure of Redis as an error of the catalogue; anything else as it is. */
export function catalogued(cause: unknown): unknown {
  if (cause instanceof RedisFailure || cause instanceof JournalFailure) {
    const code = cause.kind === 'refused' ? 'RTV_REDIS_REFUSED' : 'RTV_REDIS_UNAVAILABLE';
    return new RtvoiceError(code, undefined, { cause });
  }
  return cause;
}
