/** The library: keys, Redis and the memory of conversations. Workers are started by src/main.ts. */
export { codeOf, type ErrorCode, RtvoiceError } from './errors.js';
export type { AuthenticationDetails } from './memory/authentication.js';
export type { ContextLine, ConversationContext } from './memory/context.js';
export { MemoryError, type MemoryErrorCode, type MemoryProblem } from './memory/errors.js';
export { type LegacyMigration, migrateLegacy } from './memory/legacy-migration.js';
export { MemoManager } from './memory/memo-manager.js';
export type { MemoManagerOptions, MemoOptions, Remembered } from './memory/memo-options.js';
export type { ContextChanges } from './memory/patches.js';
export { PromptCache, type PromptCacheOptions, type PromptCacheStats } from './memory/prompt-cache.js';
export { localSeal, type Seal } from './privacy/seal.js';
export {
  Component,
  DataType,
  type Environment,
  KeyError,
  type KeyManagerOptions,
  type KeyParts,
  RedisKeyManager,
} from './stores/keys.js';
export {
  type OperationOptions,
  RedisFailure,
  RedisManager,
  type RedisManagerOptions,
  type RedisSettings,
} from './stores/redis/index.js';
export { FIXED_TTL_SECONDS, TTL_POLICIES, type TtlPolicy } from './stores/ttl.js';
