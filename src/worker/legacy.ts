/** Sessions of the Python original, moved when their call is first seen here. */
import { JournalFailure } from '../actors/ports.js';
import { messageOf } from '../errors.js';
import { migrateLegacy } from '../memory/legacy-migration.js';
import type { Logger } from '../ops/log.js';
import type { Seal } from '../privacy/seal.js';
import type { RedisManager } from '../stores/redis/manager.js';

export function createLegacyMigration(redis: RedisManager, seal: Seal, log: Logger) {
  return async (callId: string, createData: string): Promise<boolean> => {
    try {
      const moved = await migrateLegacy(redis, redis.keyManager, seal, callId, { createData });
      if (moved.found > 0)
        log.info({ callId, keys: moved.found, turns: moved.turns }, 'legacy session moved');
      return moved.found > 0;
    } catch (thrown) {
      // Whatever it was, the old keys still stand: the call goes on in memory and comes back to this.
      throw new JournalFailure('unavailable', messageOf(thrown));
    }
  };
}
