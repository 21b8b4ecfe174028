import type { RedisKeyManager } from '../keys.js';
import type { AuditDigest, AuditRecord } from './audit.js';
import {
  type BatchOperation,
  type BatchResult,
  isRead,
  isRepeatable,
  planPipelines,
  sendPipeline,
} from './batch.js';
import { createLink, type RedisClient, type RedisLink } from './connect.js';
import { EntraCredentials } from './credentials.js';
import { RedisDocuments } from './documents.js';
import { Guard, type GuardedOptions } from './guard.js';
import { type InfoFields, memoryShare, parseInfo } from './info.js';
import { Prober } from './probe.js';
import { dataTypeOf, RecentKeys } from './recent-keys.js';
import { type ScanOptions, scanHash, scanKeys } from './scan.js';
import { checkSettings, DEFAULTS, type OperationOptions, type RedisManagerOptions } from './settings.js';

/**
 * Redis for calls and conversations. Operations fail with RedisFailure within their deadline, are repeated
 * only where that is safe, and leave an audit record each. Commands on one key that are not awaited in turn
 * keep their order while the connections hold.
 */
export class RedisManager extends RedisDocuments {
  readonly keyManager: RedisKeyManager;
  readonly #link: RedisLink;
  readonly #guard: Guard;
  readonly #prober: Prober;
  readonly #credentials: EntraCredentials | undefined;
  readonly #recent = new RecentKeys();
  readonly #listeners = new Set<(state: 'up' | 'down') => void>();
  #state: 'up' | 'down' = 'down';
  #stopping: Promise<void> | undefined;

  /** Throws RedisSettingsError; connects with `start`. */
  constructor(options: RedisManagerOptions) {
    super();
    checkSettings(options.redis);
    this.keyManager = options.keys;
    const changed = (): void => this.#changed();
    this.#link = createLink(options.redis, changed);
    this.#guard = new Guard(this.#link, options.redis, options, changed);
    this.#prober = new Prober(this.#guard, this.#link, options.redis.probeMs ?? DEFAULTS.probeMs);
    const { entra } = options.redis;
    if (entra !== undefined) {
      this.#credentials = new EntraCredentials(entra, this.#link, this.#guard.metrics, this.#guard.logger);
    }
  }

  /** Connects, and goes on trying for ever. True once up, false when that took longer than `waitMs`. */
  async start(options: { waitMs?: number } = {}): Promise<boolean> {
    const up = this.#whenUp(options.waitMs ?? 5000);
    const opened = (async () => {
      // Without a token the first connections would only be refused; later ones find it by themselves.
      await this.#credentials?.start();
      if (this.#stopping !== undefined) return;
      this.#prober.start();
      this.#link.open();
    })();
    const reached = await up;
    if (reached) await opened;
    return reached;
  }

  /** Refuses new operations, waits for those in flight within their deadlines, disconnects. */
  close(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** `up` while operations are being sent. */
  get state(): 'up' | 'down' {
    return this.#state;
  }

  /** Calls back at each change of `state`; returns the way to stop that. */
  onStateChange(listener: (state: 'up' | 'down') => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Monotonic time (`performance.now()`, ms) of the last successful reply. */
  lastContact(): number | undefined {
    return this.#guard.contact.lastContact();
  }

  /**
   * Monotonic time since when every operation was answered and no silence was longer than a probe explains;
   * undefined while contact is broken. Refusals for the server's own condition break it as well.
   */
  unbrokenSince(): number | undefined {
    return this.#guard.contact.unbrokenSince();
  }

  /** Operations in flight over their bound, 0 to 1. */
  get utilisation(): number {
    return this.#guard.utilisation;
  }

  /** The last operations, oldest first. */
  recentOperations(): AuditRecord[] {
    return this.#guard.audit.recent();
  }

  /** What happened since the last call, hashed; undefined when nothing did. */
  takeAuditDigest(): AuditDigest | undefined {
    return this.#guard.audit.takeDigest();
  }

  /** Any call of ioredis under deadline, breaker, metrics and audit. `name` is a fixed word, not data. */
  withClient<T>(
    name: string,
    send: (client: RedisClient) => Promise<T>,
    options: GuardedOptions = {},
  ): Promise<T> {
    return this.run(name, send, options);
  }

  /** Removes a key, freeing its memory in the background (UNLINK); true when it was there. */
  async delete(key: string, options: OperationOptions = {}): Promise<boolean> {
    const removed = await this.run('unlink', (client) => client.unlink(key), { ...options, key, safe: true });
    this.#recent.deleted(key);
    return removed === 1;
  }

  /**
   * Sends commands in pipelines: not atomic, answered one by one, in order within a key. Throws when a
   * pipeline as a whole got no answer or was not sent.
   */
  async batch(operations: readonly BatchOperation[], options: OperationOptions = {}): Promise<BatchResult[]> {
    const results: BatchResult[] = new Array(operations.length);
    const pipelines = planPipelines(operations, this.#link.cluster);
    for (const indices of pipelines) {
      const commands = indices.map((index) => operations[index]).filter((op) => op !== undefined);
      const key = commands[0]?.[1];
      const guarded: GuardedOptions = {
        ...options,
        ...(key === undefined ? {} : { key }),
        safe: isRepeatable(commands),
      };
      const replies = await this.run('batch', (client) => sendPipeline(client, commands), guarded);
      for (const [position, reply] of replies.entries()) {
        const index = indices[position];
        const command = commands[position];
        if (index === undefined || command === undefined) continue;
        results[index] = reply;
        if (reply.ok && !isRead(command[0])) this.#wrote(command[1]);
      }
    }
    return results;
  }

  /** Round trip of a PING (ms). */
  async ping(options: OperationOptions = {}): Promise<number> {
    const started = performance.now();
    await this.run('ping', (client) => client.ping(), { ...options, safe: true });
    return performance.now() - started;
  }

  /** Pages of keys that match a glob (`keyManager.pattern`), from every node; a key may come twice. */
  scan(pattern: string, options: ScanOptions = {}): AsyncGenerator<string[]> {
    return scanKeys(this.#guard, this.#link, pattern, options);
  }

  /** Pages of a hash's fields, values as Buffer; a field may come twice. */
  hscan(key: string, options: ScanOptions = {}): AsyncGenerator<[field: string, value: Buffer][]> {
    return scanHash(this.#guard, key, options);
  }

  /** INFO of each server that holds data: one, or a cluster's masters. */
  async info(section: string, options: OperationOptions = {}): Promise<InfoFields[]> {
    const send = async (client: RedisClient): Promise<string[]> => {
      const nodes = this.#link.nodes();
      return nodes.length === 0
        ? [await client.info(section)]
        : Promise.all(nodes.map((n) => n.info(section)));
    };
    return (await this.run('info', send, { ...options, safe: true })).map(parseInfo);
  }

  /** Memory in use over `maxmemory`, of the fullest server; undefined when none has a bound. */
  async memoryShare(options: OperationOptions = {}): Promise<number | undefined> {
    const shares = (await this.info('memory', options))
      .map(memoryShare)
      .filter((share) => share !== undefined);
    return shares.length === 0 ? undefined : Math.max(...shares);
  }

  protected run<T>(operation: string, send: (client: RedisClient) => Promise<T>, options: GuardedOptions) {
    return this.#guard.run(operation, send, options);
  }

  protected async write<T>(
    operation: string,
    key: string,
    send: (client: RedisClient) => Promise<T>,
    options: GuardedOptions,
  ): Promise<T> {
    const result = await this.#guard.run(operation, send, { ...options, key });
    this.#wrote(key);
    return result;
  }

  #wrote(key: string): void {
    if (this.#recent.wrote(key)) this.#guard.metrics.keyCreated(dataTypeOf(key, this.keyManager));
  }

  #changed(): void {
    this.#guard.linkChanged();
    const state = this.#guard.open ? 'up' : 'down';
    if (state === this.#state) {
      // A connection may be back while the breaker is still open.
      if (state === 'down') this.#prober.nudge();
      return;
    }
    this.#state = state;
    if (state === 'up') this.#prober.nudge();
    this.#guard.metrics.stateChange(state);
    this.#guard.logger.warn({ state }, 'redis state');
    for (const listener of [...this.#listeners]) listener(state);
  }

  #whenUp(waitMs: number): Promise<boolean> {
    if (this.#state === 'up') return Promise.resolve(true);
    return new Promise((resolve) => {
      const stop = this.onStateChange((state) => {
        if (state === 'up') finish(true);
      });
      const timer = setTimeout(() => finish(false), waitMs);
      const finish = (up: boolean): void => {
        stop();
        clearTimeout(timer);
        resolve(up);
      };
    });
  }

  async #stop(): Promise<void> {
    this.#guard.close();
    const until = performance.now() + this.#guard.deadlineMs;
    while (!this.#guard.idle && performance.now() < until) await new Promise((r) => setTimeout(r, 5));
    await this.#credentials?.stop();
    await this.#prober.stop();
    this.#link.close();
    this.#changed();
  }
}
