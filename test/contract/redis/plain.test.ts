import { afterAll, beforeAll } from 'vitest';
import type { RedisManager } from '../../../src/stores/redis/index.js';
import { type RedisServer, startRedis } from '../../support/redis-servers.js';
import { contract, managerFor } from './suite.js';

let server: RedisServer;
let redis: RedisManager;

beforeAll(async () => {
  server = await startRedis();
  redis = managerFor({ mode: 'plain', port: server.port });
  await redis.start();
});
afterAll(async () => {
  await redis.close();
  await server.stop();
});

contract('plain', () => redis);
