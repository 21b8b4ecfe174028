/**
 * What a worker knows of erased callers: Redis is looked at each second, so that owners know without asking; Cosmos DB
 * is asked before something of a caller is written there.
 */
import type { Erasures } from '../actors/ports.js';
import { bornAtMs } from '../call/incarnation.js';
import { messageOf, RtvoiceError } from '../errors.js';
import type { Logger } from '../ops/log.js';
import { KnownTombstones, type Tombstone } from '../privacy/tombstone.js';
import { TOMBSTONES_PAGE, type TombstoneStore } from '../stores/tombstones.js';

const LOOK_EVERY_MS = 1_000;
/** Tombstones may be raised by workers whose clocks are behind, ms. */
const OVERLAP_MS = 60_000;

export interface WorkerErasures extends Erasures {
  start(): void;
  stop(): void;
}

export function createErasures(
  store: Pick<TombstoneStore, 'read' | 'since' | 'spread'>,
  log: Logger,
  now: () => number = () => performance.now(),
): WorkerErasures {
  const known = new KnownTombstones(now);
  const asking = new Map<string, Promise<void>>();
  let timer: NodeJS.Timeout | undefined;
  let looking = false;

  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    try {
      for (let from = Math.max(0, known.newestMs - OVERLAP_MS); ; ) {
        const page = await store.since(from);
        known.learn(page);
        const last = page.at(-1)?.erasedAtMs ?? 0;
        if (page.length < TOMBSTONES_PAGE || last <= from) return;
        from = last;
      }
    } catch {
      // Redis is away, so that nothing is written to it either.
    } finally {
      looking = false;
    }
  };

  /** One question a caller at a time, however many of its documents wait. */
  const ask = (subjectId: string): Promise<void> => {
    let answer = asking.get(subjectId);
    if (!answer) {
      answer = askOnce(subjectId).finally(() => asking.delete(subjectId));
      asking.set(subjectId, answer);
    }
    return answer;
  };
  const askOnce = async (subjectId: string): Promise<void> => {
    const askedAt = now();
    let found: Tombstone | undefined;
    try {
      found = await store.read(subjectId);
    } catch (cause) {
      throw new RtvoiceError('RTV_COSMOS_UNAVAILABLE', 'tombstone', { cause });
    }
    known.answered(subjectId, found, askedAt);
    // Redis may have forgotten it; owners elsewhere look there alone.
    if (found)
      await store.spread(found).catch((thrown: unknown) => {
        log.warn({ code: 'RTV_REDIS_UNAVAILABLE', error: messageOf(thrown) }, 'tombstone not in Redis');
      });
  };

  return {
    isErased: (subjectId, incarnation) =>
      subjectId !== undefined && known.isErased(subjectId, bornAtMs(incarnation)),
    async check(subjectId, incarnation) {
      if (subjectId === undefined) return false;
      const born = bornAtMs(incarnation);
      if (known.standing(subjectId, born) === 'unknown') await ask(subjectId);
      return known.isErased(subjectId, born);
    },
    start() {
      timer ??= setInterval(() => void look(), LOOK_EVERY_MS).unref();
      void look();
    },
    stop() {
      clearInterval(timer);
      timer = undefined;
    },
  };
}
