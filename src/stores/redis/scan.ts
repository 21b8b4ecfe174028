import { asClient, type RedisClient, type RedisLink } from './connect.js';
import type { Guard, GuardedOptions } from './guard.js';
import type { OperationOptions } from './settings.js';

export interface ScanOptions extends OperationOptions {
  /** Keys the server looks at per call, 250 by default and at most 1,000: what bounds its time. */
  readonly count?: number;
  /** Only keys of this type (`string`, `hash`, …). */
  readonly type?: string;
}

const MAX_COUNT = 1000;

function boundedCount(count: number | undefined): number {
  return Math.min(MAX_COUNT, Math.max(1, Math.trunc(count ?? 250)));
}

/**
 * Keys that match a glob, from every node, page by page and never with KEYS. A key that was there all the
 * time comes at least once, and may come twice. Each page has a deadline of its own.
 */
export async function* scanKeys(
  guard: Guard,
  link: RedisLink,
  pattern: string,
  options: ScanOptions,
): AsyncGenerator<string[]> {
  const count = boundedCount(options.count);
  const filter = options.type === undefined ? [] : ['TYPE', options.type];
  const page = async (client: RedisClient, cursor: string): Promise<[string, string[]]> => {
    const reply = await client.call('scan', cursor, 'MATCH', pattern, 'COUNT', count, ...filter);
    return reply as [string, string[]];
  };
  // A cursor belongs to its node. Outside a cluster all connections lead to the same data.
  const sources = link.cluster ? link.nodes() : [undefined];
  if (link.cluster && sources.length === 0)
    await guard.run('scan', (client) => page(client, '0'), { safe: true });
  for (const source of sources) {
    let cursor = '0';
    do {
      const from = cursor;
      const [next, keys] = await guard.run(
        'scan',
        (client) => page(source === undefined ? client : asClient(source), from),
        {
          ...options,
          safe: true,
        },
      );
      cursor = next;
      if (keys.length > 0) yield keys;
    } while (cursor !== '0');
  }
}

/** The fields of a hash, page by page, as buffers; a field may come twice. */
export async function* scanHash(
  guard: Guard,
  key: string,
  options: ScanOptions,
): AsyncGenerator<[field: string, value: Buffer][]> {
  const count = boundedCount(options.count);
  const guarded: GuardedOptions = { ...options, key, safe: true };
  let cursor = '0';
  do {
    const from = cursor;
    const [next, flat] = await guard.run(
      'hscan',
      (client) => client.hscanBuffer(key, from, 'COUNT', count),
      guarded,
    );
    cursor = next.toString();
    const page: [string, Buffer][] = [];
    for (let i = 0; i + 1 < flat.length; i += 2) {
      const field = flat[i];
      const value = flat[i + 1];
      if (field !== undefined && value !== undefined) page.push([field.toString(), value]);
    }
    if (page.length > 0) yield page;
  } while (cursor !== '0');
}
