/** Session and journal of a call in Redis: the adapter of the Journal port, one script and round trip a method. */
import {
  type Commit,
  type Journal,
  type JournalEntry,
  JournalFailure,
  type Ownership,
  type SessionFields,
  type SessionRecord,
  type Verdict,
  type WholeSession,
  type WriteNumber,
} from '../actors/ports.js';
import { CLAIM, COMMIT, RESTORE, SET_ASIDE, WRITE } from './journal-scripts.js';
import { Component, type RedisKeyManager } from './keys.js';
import { RedisFailure } from './redis/failure.js';
import type { RedisManager } from './redis/manager.js';
import type { ScriptDefinition } from './redis/scripts.js';

/** A value set aside is kept this long for inspection, s. */
const ASIDE_TTL_S = 7 * 24 * 3600;

export function createJournal(redis: RedisManager, keys: RedisKeyManager): Journal {
  const sessionTtl = keys.ttl('conversation_context');
  const historyTtl = keys.ttl('session_history');
  const session = (callId: string): string => keys.callKey(callId, Component.SESSION);
  const history = (callId: string): string => keys.conversationKey(callId, Component.HISTORY);

  const run = async (
    callId: string,
    script: ScriptDefinition,
    scriptKeys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown[]> => {
    const reply = await guarded(() => redis.script(script, scriptKeys, args, { correlationId: callId }));
    return Array.isArray(reply) ? reply : ['DIVERGED'];
  };

  return {
    async claim(callId, nonce, create) {
      const args = [nonce, sessionTtl, create?.incarnation ?? '', create?.data ?? '', create?.seq ?? 0];
      const [verdict, flat] = await run(callId, CLAIM, [session(callId), history(callId)], args);
      if (verdict === 'ABSENT') return 'absent';
      if (verdict !== 'OK' || !Array.isArray(flat)) return 'unreadable';
      return readRecord(pairs(flat)) ?? 'unreadable';
    },

    async entries(callId): Promise<JournalEntry[]> {
      const all = await guarded(() => redis.hgetall(history(callId), { correlationId: callId }));
      return Object.entries(all)
        .map(([seq, payload]) => ({ seq: Number(seq), payload }))
        .filter(({ seq }) => Number.isSafeInteger(seq) && seq > 0)
        .sort((a, b) => a.seq - b.seq);
    },

    async read(callId) {
      try {
        const all = await guarded(() => redis.hgetall(session(callId), { correlationId: callId }));
        if (Object.keys(all).length === 0) return 'absent';
        return readRecord(all) ?? 'unreadable';
      } catch (thrown) {
        if (thrown instanceof JournalFailure && thrown.wrongType) return 'unreadable';
        throw thrown;
      }
    },

    async commit(callId, own, commit: Commit): Promise<Verdict> {
      const [verdict] = await run(
        callId,
        COMMIT,
        [session(callId), history(callId)],
        [
          ...owner(own),
          ...written(commit.write),
          commit.fromSeq,
          commit.commitId,
          sessionTtl,
          historyTtl,
          commit.payloads.length,
          ...commit.payloads,
          ...fieldPairs(commit.fields ?? {}),
        ],
      );
      return toVerdict(verdict);
    },

    async write(callId, own, number, fields): Promise<Verdict> {
      const args = [...owner(own), ...written(number), sessionTtl, ...fieldPairs(fields)];
      const [verdict] = await run(callId, WRITE, [session(callId)], args);
      return toVerdict(verdict);
    },

    async restore(callId, own, whole: WholeSession): Promise<Verdict> {
      const fields = [...fieldPairs(whole), 'cid', whole.commitId];
      const turns = whole.entries.flatMap((entry) => [entry.seq, entry.payload]);
      const { seen } = whole;
      const args = [
        ...owner(own),
        whole.write,
        sessionTtl,
        historyTtl,
        ...(seen ? [seen.ownerEpoch, seen.ownerNonce, seen.seq, seen.write] : ['', '', '', '']),
        fields.length / 2,
        whole.voids.length,
        ...fields,
        ...whole.voids,
        ...turns,
      ];
      const [verdict] = await run(callId, RESTORE, [session(callId), history(callId)], args);
      return toVerdict(verdict);
    },

    async touch(callId) {
      await guarded(() =>
        redis.batch(
          [
            ['expire', session(callId), sessionTtl],
            ['expire', history(callId), historyTtl],
            ['expire', keys.conversationKey(callId, Component.CONTEXT), sessionTtl],
          ],
          { correlationId: callId },
        ),
      );
    },

    async setAside(callId) {
      await run(callId, SET_ASIDE, [session(callId), history(callId)], [ASIDE_TTL_S, Date.now()]);
    },
  };
}

const owner = (own: Ownership): [string, string, string] => [
  own.incarnation,
  String(own.ownerEpoch),
  own.ownerNonce,
];

const written = (write: WriteNumber): [number, number] => [write.number, write.acknowledged];

const FIELD_NAMES = {
  incarnation: 'inc',
  seq: 'seq',
  mediaEpoch: 'me',
  mediaWorker: 'mw',
  archivedThrough: 'ar',
  data: 'd',
  saying: 'say',
} as const satisfies Record<keyof SessionFields, string>;

function fieldPairs(fields: SessionFields): (string | number)[] {
  const flat: (string | number)[] = [];
  for (const name of Object.keys(FIELD_NAMES) as (keyof SessionFields)[]) {
    const value = fields[name];
    if (value !== undefined) flat.push(FIELD_NAMES[name], value);
  }
  return flat;
}

function pairs(flat: readonly unknown[]): Record<string, string> {
  const all: Record<string, string> = {};
  for (let index = 0; index + 1 < flat.length; index += 2) all[String(flat[index])] = String(flat[index + 1]);
  return all;
}

function isObject(json: string): boolean {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}

function readRecord(all: Readonly<Record<string, string>>): SessionRecord | undefined {
  const { inc, oe, on, d } = all;
  if (!inc || !Number(oe) || !on || !d) return undefined;
  if (!isObject(d)) return undefined;
  return {
    incarnation: inc,
    ownerEpoch: Number(oe),
    ownerNonce: on,
    mediaEpoch: Number(all.me ?? 0),
    mediaWorker: all.mw ?? '',
    seq: Number(all.seq ?? 0),
    commitId: all.cid ?? '',
    archivedThrough: Number(all.ar ?? 0),
    write: Number(all.wn ?? 0),
    data: d,
    saying: all.say ?? '',
  };
}

function toVerdict(verdict: unknown): Verdict {
  if (verdict === 'OK') return { kind: 'done' };
  return { kind: verdict === 'FENCED' ? 'fenced' : 'diverged' };
}

/** Runs it with failures of Redis as those of the Journal port. @throws JournalFailure */
export async function guarded<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (thrown) {
    if (!(thrown instanceof RedisFailure)) throw thrown;
    throw new JournalFailure(thrown.kind, thrown.code, thrown.reply === 'WRONGTYPE');
  }
}
