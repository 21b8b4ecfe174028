/**
 * Context snapshots through the Dapr state component `context` (keyPrefix none), coalesced: a call's snapshot is
 * written at most once in ten seconds, whatever the number of turns. The journal is the truth; a snapshot that is behind
 * or missing costs a longer activation, nothing else.
 */
import type { ContextStore } from '../actors/ports.js';
import { type ConversationContext, snapshotOf } from '../memory/context.js';
import { readSnapshot } from '../memory/snapshot.js';
import type { Seal } from '../privacy/seal.js';
import type { ContextAside, DamagedContext } from './context-aside.js';
import type { DaprState, GetOutcome } from './dapr-state.js';
import { Component, type RedisKeyManager } from './keys.js';

export const CONTEXT_STORE = 'context';
const EVERY_MS = 10_000;
const SWEEP_MS = 100;
/** Few at a time: turns that are being committed go first. */
const CONCURRENCY = 2;

export interface ContextMetrics {
  saved(bytes: number): void;
  saveFailed(): void;
  /** A call's stored context was damaged. */
  unreadable(callId: string): void;
}

interface Snapshot {
  readonly schema: 1;
  readonly throughSeq: number;
  readonly sealed: string;
}

interface Due {
  context: ConversationContext;
  lastWriteMs: number;
  dirty: boolean;
}

export class DaprContexts implements ContextStore {
  readonly #state: DaprState;
  readonly #keys: RedisKeyManager;
  readonly #seal: Seal;
  readonly #aside: ContextAside;
  readonly #metrics: ContextMetrics;
  readonly #due = new Map<string, Due>();
  readonly #timer: NodeJS.Timeout;
  #writing = 0;

  constructor(
    state: DaprState,
    keys: RedisKeyManager,
    seal: Seal,
    aside: ContextAside,
    metrics: ContextMetrics,
  ) {
    this.#state = state;
    this.#keys = keys;
    this.#seal = seal;
    this.#aside = aside;
    this.#metrics = metrics;
    this.#timer = setInterval(() => this.#sweep(), SWEEP_MS).unref();
  }

  /**
   * The context as last saved; undefined where there is none, or none that can be read: one that is damaged, of a newer
   * version, or sealed with another key is set aside first. @throws JournalFailure when it cannot be set aside now
   */
  async load(callId: string): Promise<ConversationContext | undefined> {
    const held = this.#due.get(callId);
    if (held?.dirty) return held.context;
    const key = this.#keys.conversationKey(callId, Component.CONTEXT);
    const found = await this.#state.get({ store: CONTEXT_STORE, key });
    if (found.kind === 'found') {
      try {
        return readSnapshot(this.#seal, callId, JSON.stringify(found.value));
      } catch {
        // What is wrong with it is for whoever looks at what was set aside.
      }
    }
    const damaged = damageOf(found);
    if (damaged === undefined) return undefined;
    const moved = await this.#aside(callId, damaged);
    // A component that fails has not said that there is damage; what was there to be moved does.
    if (moved || damaged !== 'no_value') this.#metrics.unreadable(callId);
    return undefined;
  }

  changed(callId: string, context: ConversationContext): void {
    const due = this.#due.get(callId);
    if (due) {
      due.context = context;
      due.dirty = true;
    } else {
      // The first one waits too, for a time of its own: calls that begin together are not written together.
      const lastWriteMs = performance.now() - Math.random() * EVERY_MS;
      this.#due.set(callId, { context, lastWriteMs, dirty: true });
    }
  }

  async flush(callId: string): Promise<void> {
    const due = this.#due.get(callId);
    if (due?.dirty) await this.#write(callId, due);
    if (due && !due.dirty) this.#due.delete(callId);
  }

  /** Writes what is left. */
  async flushAll(): Promise<void> {
    await Promise.all([...this.#due.keys()].map((callId) => this.flush(callId)));
  }

  /** The same, and ends the sweeping. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flushAll();
  }

  #sweep(): void {
    const now = performance.now();
    for (const [callId, due] of this.#due) {
      if (this.#writing >= CONCURRENCY) return;
      if (now - due.lastWriteMs < EVERY_MS) continue;
      if (due.dirty) void this.#write(callId, due);
      // Nothing new for a while: the entry has served its turn.
      else this.#due.delete(callId);
    }
  }

  async #write(callId: string, due: Due): Promise<void> {
    const context = snapshotOf(due.context);
    due.dirty = false;
    due.lastWriteMs = performance.now();
    this.#writing += 1;
    const sealed = this.#seal.protect('context', callId, context);
    const value: Snapshot = { schema: 1, throughSeq: context.throughSeq, sealed };
    const saved = await this.#state.save({
      store: CONTEXT_STORE,
      key: this.#keys.conversationKey(callId, Component.CONTEXT),
      value,
      ttlSeconds: this.#keys.ttl('conversation_context'),
    });
    this.#writing -= 1;
    if (saved.kind !== 'saved') {
      due.dirty = true;
      this.#metrics.saveFailed();
      return;
    }
    this.#metrics.saved(sealed.length);
    this.#sweep();
  }
}

function damageOf(found: GetOutcome): DamagedContext | undefined {
  if (found.kind === 'found') return { etag: found.etag };
  if (found.kind === 'unknown' && found.code === 'malformed') return { etag: found.etag };
  return found.kind === 'failed' ? 'no_value' : undefined;
}
