import type { RedisManager } from '../../../src/stores/redis/index.js';

export class Crash extends Error {}

/**
 * A manager whose process "dies" at an operation: before it is sent, or after it was carried out and before its answer
 * was used. Counts operations from 0.
 */
export function crashingAt(redis: RedisManager, at: number, when: 'before' | 'after'): RedisManager {
  let count = 0;
  return new Proxy(redis, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return async (...args: unknown[]) => {
        const mine = count === at;
        count += 1;
        if (mine && when === 'before') throw new Crash(String(name));
        const answer: unknown = await value.apply(target, args);
        if (mine) throw new Crash(String(name));
        return answer;
      };
    },
  });
}
