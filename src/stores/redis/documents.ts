import { Component, type RedisKeyManager } from '../keys.js';
import { checkTtl, RedisCommands, type TtlOptions } from './commands.js';
import { RedisValueError } from './failure.js';
import type { GuardedOptions } from './guard.js';
import { defineScript } from './scripts.js';
import type { OperationOptions } from './settings.js';

/** Field of a call's session hash that holds what `storeCallSession` was given. */
export const CALL_SESSION_FIELD = 'data';

/** Writes one field and sees to it that the hash lives at least so long, never shorter than before. */
const STORE_FIELD = defineScript(
  'store_field',
  `redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
if redis.call('TTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('EXPIRE', KEYS[1], ARGV[3]) end
return 1`,
  { safe: true },
);

/** Values with a form of their own: a call's session, JSON, bytes. */
export abstract class RedisDocuments extends RedisCommands {
  abstract readonly keyManager: RedisKeyManager;

  /**
   * Stores a call's session data beside the call's cursors, in one field of its session hash, with the
   * conversation_context policy as its least time to live.
   */
  async storeCallSession(
    callConnectionId: string,
    data: object,
    options: OperationOptions = {},
  ): Promise<void> {
    const key = this.keyManager.callKey(callConnectionId, Component.SESSION);
    const ttl = this.keyManager.ttl('conversation_context');
    await this.script(STORE_FIELD, [key], [CALL_SESSION_FIELD, JSON.stringify(data), ttl], options);
  }

  /** What `storeCallSession` stored; undefined when there is nothing. RedisValueError when unreadable. */
  async getCallSession(callConnectionId: string, options: OperationOptions = {}): Promise<unknown> {
    const key = this.keyManager.callKey(callConnectionId, Component.SESSION);
    return parseJson(key, await this.hget(key, CALL_SESSION_FIELD, options));
  }

  /** Stores a value as JSON; `undefined` and functions are no JSON (TypeError). */
  async setJson(key: string, value: unknown, options: TtlOptions): Promise<void> {
    const text: string | undefined = JSON.stringify(value);
    if (text === undefined) throw new TypeError('the value has no JSON form');
    await this.set(key, text, { ...options, ttl: checkTtl(options.ttl) });
  }

  /** A stored value; undefined when the key is not there, RedisValueError when it is not JSON. */
  async getJson(key: string, options: OperationOptions = {}): Promise<unknown> {
    return parseJson(key, await this.get(key, options));
  }

  /** Stores bytes. */
  async setBinary(key: string, data: Uint8Array, options: TtlOptions): Promise<void> {
    const bytes = Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    await this.set(key, bytes, { ...options, ttl: checkTtl(options.ttl) });
  }

  /** Stored bytes; undefined when the key is not there. */
  async getBinary(key: string, options: OperationOptions = {}): Promise<Buffer | undefined> {
    const guarded: GuardedOptions = { ...options, key, safe: true };
    return (await this.run('get', (client) => client.getBuffer(key), guarded)) ?? undefined;
  }
}

function parseJson(key: string, text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new RedisValueError(key);
  }
}
