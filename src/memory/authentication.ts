import type { Seal } from '../privacy/seal.js';
import { isRecord } from './context.js';
import type { MemorySession } from './memory-session.js';
import type { LoadedSession } from './session-state.js';

/** How and as whom the caller was authenticated; stored sealed. */
export interface AuthenticationDetails {
  readonly subjectId?: string;
  readonly method?: string;
  readonly claims?: Readonly<Record<string, unknown>>;
}

/**
 * Whether a caller is authenticated, held until the stored state expires. The stored value names its own end too, so
 * that an old one put back with a new TTL authenticates nobody.
 */
export class Authentication {
  readonly #monotonic: () => number;
  readonly #now: () => number;
  #untilMs = Number.NEGATIVE_INFINITY;

  constructor(monotonic: () => number, now: () => number) {
    this.#monotonic = monotonic;
    this.#now = now;
  }

  get valid(): boolean {
    return this.#monotonic() < this.#untilMs;
  }

  forget(): void {
    this.#untilMs = Number.NEGATIVE_INFINITY;
  }

  /** Writes the state; its life is counted from before the write, so that it ends here no later than in Redis. */
  async grant(
    session: MemorySession,
    seal: Seal,
    sessionId: string,
    details: AuthenticationDetails,
  ): Promise<void> {
    const asked = this.#monotonic();
    const atMs = this.#now();
    const untilMs = atMs + session.authTtlS * 1000;
    const sealed = seal.protect('auth', sessionId, { authenticated: true, atMs, untilMs, details });
    await session.saveAuth(JSON.stringify({ schema: 1, sealed }));
    this.#untilMs = asked + session.authTtlS * 1000;
  }

  /** Takes over what was loaded; false when it cannot be read, which authenticates nobody. */
  load(seal: Seal, sessionId: string, found: LoadedSession['auth']): boolean {
    this.forget();
    if (!found) return true;
    try {
      const stored: unknown = JSON.parse(found.value);
      if (!isRecord(stored) || stored.schema !== 1 || typeof stored.sealed !== 'string') return false;
      const state = seal.reveal('auth', sessionId, stored.sealed);
      if (!isRecord(state) || typeof state.untilMs !== 'number') return false;
      // Without a TTL in Redis it would never end: that is no authentication.
      if (state.authenticated !== true || found.leftMs < 0) return true;
      const elapsed = performance.now() - found.askedAtMs;
      this.#untilMs = this.#monotonic() + Math.min(found.leftMs - elapsed, state.untilMs - this.#now());
      return true;
    } catch {
      return false;
    }
  }
}
