import { DataType, type RedisKeyManager } from '../keys.js';

/** Keys this worker wrote lately, in two generations of bounded size: the base of the key creation rate. */
export class RecentKeys {
  #young = new Set<string>();
  #old = new Set<string>();

  constructor(readonly generation = 8192) {}

  /** Notes a written key; true when it was not written lately. */
  wrote(key: string): boolean {
    if (this.#young.has(key)) return false;
    const known = this.#old.has(key);
    if (this.#young.size >= this.generation) {
      this.#old = this.#young;
      this.#young = new Set();
    }
    this.#young.add(key);
    return !known;
  }

  /** Notes a deleted key: writing it again makes it anew. */
  deleted(key: string): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }
}

const TYPES: ReadonlySet<string> = new Set(Object.values(DataType));

/** The data type of a key for a metric's label, read off its third segment. */
export function dataTypeOf(key: string, manager: RedisKeyManager): DataType | 'other' {
  const prefix = `${manager.appPrefix}:${manager.environment}:`;
  if (!key.startsWith(prefix)) return 'other';
  const type = key.slice(prefix.length, key.indexOf(':', prefix.length));
  return TYPES.has(type) ? (type as DataType) : 'other';
}
