/** Looks at session and context of calls in Redis after their ends, until they are closed or gone. */
import type { Redis } from 'ioredis';
import type { Addresses } from './addresses.js';
import type { EndState } from './evidence.js';

const EVERY_MS = 500;

export class EndWatch {
  readonly #redis: Redis;
  readonly #environment: string;
  readonly #open = new Set<string>();
  readonly #seen = new Map<string, EndState>();
  readonly #timer: NodeJS.Timeout;
  #looking: Promise<void> | undefined;

  constructor(redis: Redis, at: Pick<Addresses, 'environment'>) {
    this.#redis = redis;
    this.#environment = at.environment;
    this.#timer = setInterval(() => {
      this.#looking ??= this.#look()
        .catch(() => undefined)
        .finally(() => {
          this.#looking = undefined;
        });
    }, EVERY_MS);
  }

  /** Calls that are over and not closed yet, as far as it is known. */
  get open(): number {
    return this.#open.size;
  }

  /** What was seen last of each call. */
  get states(): EndState[] {
    return [...this.#seen.values()];
  }

  ended(callId: string): void {
    this.#open.add(callId);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    for (const callId of [...this.#open]) {
      const session = await this.#redis.hmget(this.#key('call', callId, 'session'), 'seq', 'd');
      const context = await this.#redis.hget(this.#key('conversation', callId, 'context'), 'data');
      const [seq, data] = session;
      const before = this.#seen.get(callId);
      // A session that was there and is gone has expired: what was seen before counts.
      if (seq === null || seq === undefined) {
        if (before) this.#open.delete(callId);
        continue;
      }
      const phase = phaseOf(data ?? '');
      const through = fieldOf(context ?? '', 'throughSeq');
      this.#seen.set(callId, {
        callId,
        phase,
        sessionSeq: Number(seq),
        contextThrough: typeof through === 'number' ? through : undefined,
      });
      // The last snapshot is written just after the end: one more look shows it.
      if (phase === 'ended' && before?.phase === 'ended') this.#open.delete(callId);
    }
  }

  #key(type: string, callId: string, component: string): string {
    return `rtvoice:${this.#environment}:${type}:${callId}:${component}`;
  }
}

function phaseOf(data: string): string | undefined {
  const state = fieldOf(data, 'state');
  const phase =
    typeof state === 'object' && state !== null ? (state as { phase?: unknown }).phase : undefined;
  return typeof phase === 'string' ? phase : undefined;
}

function fieldOf(json: string, name: string): unknown {
  try {
    return (JSON.parse(json) as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}
