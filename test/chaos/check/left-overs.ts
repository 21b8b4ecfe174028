/** What is still there when all calls are over: keys, members of indexes, reminders, actors. */
import type { Redis } from 'ioredis';
import type { Addresses } from './addresses.js';
import type { LeftOvers } from './evidence.js';

/**
 * Components of calls and conversations that end with their call, some minutes after it. A summary does not: it stands
 * for days, and caches for hours, by the policies of the specification.
 */
const OF_A_CALL = new Set([
  ...['session', 'recording', 'participants', 'media_stream', 'history', 'context', 'transcript', 'auth'],
]);
/** Types whose actors belong to a call or its caller. Others serve the deployment and stay. */
const ACTORS = new Set(['CallActor', 'SubjectActor']);
const AT_ONCE = 8;

/** @param callIds calls that may have a reminder */
export async function leftOversOf(
  redis: Redis,
  at: Addresses,
  callIds: readonly string[],
): Promise<LeftOvers> {
  const keys: string[] = [];
  const indexEntries: string[] = [];
  const expiring: Record<string, number> = {};
  for (const key of await allKeys(redis)) {
    const kind = kindOf(key, at.environment);
    if (kind.startsWith('system:') || kind === 'worker:affinity') {
      const gone = await goneMembers(redis, key, kind, at.environment);
      indexEntries.push(...gone.map((member) => `${key} ${member}`));
      if (kind === 'system:calls:live' || kind === 'system:workers:live') continue;
    }
    const ttlMs = await redis.pttl(key);
    // It ended between the listing and the question.
    if (ttlMs === -2) continue;
    const ofACall = OF_A_CALL.has(kind.split(':').at(-1) ?? '');
    if (ttlMs === -1 || ofACall || kind === 'unknown') keys.push(`${key} (${kind}, ttl ${ttlMs} ms)`);
    else expiring[kind] = (expiring[kind] ?? 0) + 1;
  }
  const [reminders, actors] = await Promise.all([remindersOf(at, callIds), actorsOf(at)]);
  return { keys, indexEntries, reminders, actors, expiring };
}

/** Nothing that should be gone is there. */
export const isClean = ({ keys, indexEntries, reminders, actors }: LeftOvers): boolean =>
  keys.length + indexEntries.length + reminders.length + actors === 0;

async function allKeys(redis: Redis): Promise<string[]> {
  const found = new Set<string>();
  let cursor = '0';
  do {
    const [next, page] = await redis.scan(cursor, 'COUNT', 1_000);
    for (const key of page) found.add(key);
    cursor = next;
  } while (cursor !== '0');
  return [...found];
}

/** `call:session`, `cache:tts`, `system:calls:live` …; `unknown` for what no documented key looks like. */
export function kindOf(key: string, environment: string): string {
  const [app, env, type = '', identifier = '', component = '', ...more] = key.split(':');
  if (app !== 'rtvoice' || env !== environment || component === '' || more.length > 0) return 'unknown';
  if (type === 'system') return `system:${identifier}:${component}`;
  if (type === 'cache') return `cache:${identifier}`;
  return ['call', 'conversation', 'worker'].includes(type) ? `${type}:${component}` : 'unknown';
}

/** Members that name a call or a worker's life that is over. */
async function goneMembers(redis: Redis, key: string, kind: string, environment: string): Promise<string[]> {
  if (kind === 'system:calls:live') return redis.zrange(key, 0, '-1');
  if (kind === 'worker:affinity') return redis.smembers(key);
  if (kind !== 'system:workers:live') return [];
  const lives = await redis.zrange(key, 0, '-1');
  const beating = await Promise.all(
    lives.map((life) => redis.exists(`rtvoice:${environment}:worker:${life}:heartbeat`)),
  );
  return lives.filter((_, index) => beating[index] === 0);
}

/** Asked of a sidecar, which asks the scheduler; no actor is woken by it. */
async function remindersOf(at: Addresses, callIds: readonly string[]): Promise<string[]> {
  const left: string[] = [];
  const rest = callIds.values();
  const lane = async (): Promise<void> => {
    for (const callId of rest) {
      const url = `${at.workers[0]?.sidecarUrl}/v1.0/actors/CallActor/${encodeURIComponent(callId)}/reminders/keep`;
      const answer = await fetch(url, { headers: { 'dapr-api-token': at.daprApiToken } });
      const text = await answer.text();
      if (answer.status === 200) left.push(callId);
      else if (answer.status !== 404) throw new Error(`asked for a reminder: ${answer.status} ${text}`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return left;
}

interface Metadata {
  readonly actorRuntime?: {
    readonly activeActors?: readonly { readonly type: string; readonly count?: number }[];
  };
}

async function actorsOf(at: Addresses): Promise<number> {
  const counts = await Promise.all(
    at.workers.map(async ({ sidecarUrl }) => {
      const answer = await fetch(`${sidecarUrl}/v1.0/metadata`, {
        headers: { 'dapr-api-token': at.daprApiToken },
      });
      const { actorRuntime } = (await answer.json()) as Metadata;
      return (actorRuntime?.activeActors ?? [])
        .filter(({ type }) => ACTORS.has(type))
        .reduce((sum, { count }) => sum + (count ?? 0), 0);
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}
