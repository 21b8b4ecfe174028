import type { RedisClient } from './connect.js';
import { classify, type RedisFailure as Failure, RedisFailure } from './failure.js';
import type { ScriptArgument } from './scripts.js';

/** Commands a batch may hold: single-key, quick, not blocking. */
export const BATCH_COMMANDS = [
  'get',
  'set',
  'unlink',
  'exists',
  'type',
  'ttl',
  'pttl',
  'expire',
  'pexpire',
  'incrby',
  'hget',
  'hset',
  'hdel',
  'hgetall',
  'hlen',
  'sadd',
  'srem',
  'smembers',
  'zadd',
  'zrem',
  'zscore',
] as const;
export type BatchCommand = (typeof BATCH_COMMANDS)[number];

/** One command of a batch: its name, its key, the rest of its arguments. */
export type BatchOperation = readonly [command: BatchCommand, key: string, ...rest: ScriptArgument[]];

/** The answer to one command of a batch. */
export type BatchResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly failure: Failure };

const READS: ReadonlySet<BatchCommand> = new Set([
  'get',
  'exists',
  'type',
  'ttl',
  'pttl',
  'hget',
  'hgetall',
  'hlen',
  'smembers',
  'zscore',
]);

/** Options of SET and ZADD that make a second sending differ from the first. */
const CONDITIONAL = /^(?:NX|XX|GT|LT|GET|INCR)$/i;

/** Longest pipeline sent at once; a longer batch goes as several, one after another. */
const MAX_PIPELINE = 500;

export function isRead(command: BatchCommand): boolean {
  return READS.has(command);
}

/** True when the whole batch leaves the same data if it is sent twice: nothing counts, nothing is conditional. */
export function isRepeatable(operations: readonly BatchOperation[]): boolean {
  return operations.every(([command, , ...rest]) => {
    if (command === 'incrby') return false;
    const options = command === 'set' ? rest.slice(1) : command === 'zadd' ? rest : [];
    return !options.some((option) => typeof option === 'string' && CONDITIONAL.test(option));
  });
}

/** Indices of a batch, as pipelines: by slot in a cluster, where a pipeline goes to one node. */
export function planPipelines(operations: readonly BatchOperation[], cluster: boolean): number[][] {
  const groups = new Map<number, number[]>();
  operations.forEach(([, key], index) => {
    const slot = cluster ? slotOf(key) : 0;
    const group = groups.get(slot);
    if (group === undefined) groups.set(slot, [index]);
    else group.push(index);
  });
  const pipelines: number[][] = [];
  for (const group of groups.values()) {
    for (let i = 0; i < group.length; i += MAX_PIPELINE) pipelines.push(group.slice(i, i + MAX_PIPELINE));
  }
  return pipelines;
}

/**
 * Sends one pipeline. When every command in it was lost with the connection the whole fails as unknown, so
 * that a repeatable batch can be tried again; otherwise each command has its own answer.
 */
export async function sendPipeline(
  client: RedisClient,
  operations: readonly BatchOperation[],
): Promise<BatchResult[]> {
  const pipeline = client.pipeline();
  for (const [command, ...args] of operations) pipeline.call(command, ...args);
  const replies = (await pipeline.exec()) ?? [];
  const results = operations.map(([command], index): BatchResult => {
    const [error, value] = replies[index] ?? [new Error('no reply'), undefined];
    if (error === null) return { ok: true, value };
    return { ok: false, failure: classify(error, command) ?? lost(command) };
  });
  const first = results[0];
  if (first !== undefined && !first.ok && results.every((result) => !result.ok && isAway(result.failure))) {
    throw first.failure;
  }
  return results;
}

function isAway(failure: RedisFailure): boolean {
  return failure.kind !== 'refused';
}

function lost(command: string): RedisFailure {
  return new RedisFailure('unknown', 'RTV_REDIS_CONNECTION_LOST', command, 'no reply in the pipeline');
}

/** The cluster slot of a key: CRC16 (XMODEM) of its hash tag, or of all of it, modulo 16,384. */
export function slotOf(key: string): number {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  const hashed = close > open + 1 ? key.slice(open + 1, close) : key;
  let crc = 0;
  for (const byte of Buffer.from(hashed)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1)
      crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  return crc % 16384;
}
