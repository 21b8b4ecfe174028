export type { AuditDigest, AuditRecord } from './audit.js';
export type { BatchCommand, BatchOperation, BatchResult } from './batch.js';
export type { ScriptOptions, SetOptions, TtlOptions } from './commands.js';
export type { RedisClient } from './connect.js';
export { CALL_SESSION_FIELD } from './documents.js';
export { type FailureKind, RedisFailure, type RedisFailureCode, RedisValueError } from './failure.js';
export type { GuardedOptions } from './guard.js';
export type { InfoFields } from './info.js';
export { RedisManager } from './manager.js';
export type { Outcome, RedisLogger, RedisMetrics } from './metrics.js';
export type { ScanOptions } from './scan.js';
export { defineScript, type ScriptArgument, type ScriptDefinition } from './scripts.js';
export {
  type EntraSettings,
  type OperationOptions,
  type RedisManagerOptions,
  type RedisSettings,
  RedisSettingsError,
  type TokenSource,
} from './settings.js';
