import type { Seal } from '../privacy/seal.js';
import type { Environment } from '../stores/keys.js';
import type { RedisManager } from '../stores/redis/manager.js';
import type { MemoryProblem } from './errors.js';

export interface MemoOptions {
  /** Opens and closes what is stored; by default with RTVOICE_DATA_KEY. */
  readonly seal?: Seal;
  /** Something stored could not be used and was set aside: count it, alert on it. */
  readonly onProblem?: (problem: MemoryProblem) => void;
  /** Wall clock, Unix ms. */
  readonly now?: () => number;
  /** Monotonic clock, ms: authentication ends by it. `performance.now` by default. */
  readonly monotonic?: () => number;
}

export interface MemoManagerOptions extends MemoOptions {
  /** The call connection id; made up where a conversation has no call. */
  readonly sessionId?: string | undefined;
  readonly environment?: Environment;
  /** Agent that is active first, `main` by default. */
  readonly activeAgent?: string;
  /** Where the conversation is kept; without it in memory, until `persist(redis)`. */
  readonly redis?: RedisManager;
}

/** durable: Redis has it. Otherwise it is in memory, in order, and goes with the next write. */
export interface Remembered {
  readonly durable: boolean;
}
