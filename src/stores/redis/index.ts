export type { BatchOperation } from './batch.js';
export { RedisFailure } from './failure.js';
export { RedisManager } from './manager.js';
export type { RedisMetrics } from './metrics.js';
export { defineScript } from './scripts.js';
export type { OperationOptions, RedisManagerOptions, RedisSettings, TokenSource } from './settings.js';
