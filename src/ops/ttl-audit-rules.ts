/** What lives how long at most, by data type and component: the TTL policy as the audit checks it. */
import { Component, DataType, type KeyParts, type RedisKeyManager } from '../stores/keys.js';
import { FIXED_TTL_SECONDS, type TtlPolicy } from '../stores/ttl.js';

export type RedisType = 'string' | 'hash' | 'set' | 'zset' | 'list' | 'stream';

export interface KeyRule {
  /** Longest life, s; `owned`: its entries are ended by their owners, so that it has none. */
  readonly maxSeconds: number | 'owned';
  /** The only type it may have; any without. */
  readonly type?: RedisType;
  /** Whose turns it may hold that are nowhere else: then it is for the owner to end it. */
  readonly callId?: string;
}

/** Set aside for inspection, s. Of any key, with a word for what it was, with a number where there was one already. */
const ASIDE_TTL_S = 7 * 24 * 3600;
const ASIDE = /:aside(?::\d+)?$/;
const WORD = /:[a-z_]+$/;

type Allowed = readonly [policy: TtlPolicy | keyof typeof FIXED_TTL_SECONDS, type?: RedisType];

const CALL: Readonly<Partial<Record<string, Allowed>>> = {
  [Component.SESSION]: ['conversation_context', 'hash'],
  [Component.RECORDING]: ['conversation_context'],
  [Component.PARTICIPANTS]: ['conversation_context'],
  [Component.MEDIA_STREAM]: ['conversation_context'],
  [Component.TRANSCRIPT]: ['session_history'],
  [Component.METRICS]: ['session_history'],
  [Component.SUMMARY]: ['call_summary', 'string'],
};

const CONVERSATION: Readonly<Partial<Record<string, Allowed>>> = {
  [Component.CONTEXT]: ['conversation_context', 'hash'],
  [Component.HISTORY]: ['session_history', 'hash'],
  [Component.AUTH]: ['authentication_state', 'string'],
  [Component.TRANSCRIPT]: ['session_history'],
  [Component.METRICS]: ['session_history'],
  [Component.PROFILE]: ['conversation_context'],
  [Component.SUMMARY]: ['call_summary'],
};

const WORKER: Readonly<Partial<Record<string, Allowed>>> = {
  [Component.AFFINITY]: ['affinity', 'set'],
  [Component.HEARTBEAT]: ['heartbeat', 'string'],
  [Component.METRICS]: ['session_history'],
  [Component.HEALTH]: ['affinity', 'hash'],
};

/** The rule of a key of this app; undefined for a shape that this version does not write. */
export function ruleOf(keys: RedisKeyManager, key: string): KeyRule | undefined {
  const parts = keys.parse(key);
  if (!parts) {
    const of = key.replace(ASIDE, '');
    const known = of !== key && (keys.parse(of) ?? keys.parse(of.replace(WORD, '')));
    return known ? { maxSeconds: ASIDE_TTL_S } : undefined;
  }
  if (parts.dataType === DataType.CACHE) return { maxSeconds: keys.ttl('tts_cache') };
  if (parts.dataType === DataType.SYSTEM) return systemRule(keys, parts);
  const table = { call: CALL, conversation: CONVERSATION, worker: WORKER }[parts.dataType];
  const allowed = table[parts.component];
  if (!allowed) return undefined;
  const [policy, type] = allowed;
  const holdsTurns = parts.dataType !== DataType.WORKER && parts.component !== Component.AUTH;
  return {
    maxSeconds:
      policy === 'affinity' || policy === 'heartbeat' ? FIXED_TTL_SECONDS[policy] : keys.ttl(policy),
    ...(type ? { type } : {}),
    ...(holdsTurns ? { callId: parts.identifier } : {}),
  };
}

/** Keys of the system are free; beside the indexes of live calls and workers they live as long as a summary at most. */
function systemRule(keys: RedisKeyManager, parts: KeyParts): KeyRule {
  if ((parts.identifier === 'calls' || parts.identifier === 'workers') && parts.component === 'live')
    return { maxSeconds: 'owned', type: 'zset' };
  return { maxSeconds: keys.ttl('call_summary') };
}
