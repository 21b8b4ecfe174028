/** The usage examples of the data architecture, word for word in meaning, on a real Redis. */
import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Component, MemoManager, type RedisManager } from '../../../src/index.js';
import { type RedisServer, startRedis } from '../../support/redis-servers.js';
import { newId, openRedis } from './support.js';

let server: RedisServer;
let redisManager: RedisManager;
const givenKey = process.env.RTVOICE_DATA_KEY;

beforeAll(async () => {
  process.env.RTVOICE_DATA_KEY = randomBytes(32).toString('base64');
  server = await startRedis();
  redisManager = await openRedis(server, { environment: 'prod', ttlMultiplier: 2 });
});
afterAll(async () => {
  if (givenKey === undefined) delete process.env.RTVOICE_DATA_KEY;
  else process.env.RTVOICE_DATA_KEY = givenKey;
  await redisManager.close();
  await server.stop();
});

test('ACS call session setup', async () => {
  const sessionData = { status: 'connected', callerType: 'phoneNumber' };
  let sessionKey = '';
  async function handleCallConnected(callConnectionId: string): Promise<void> {
    sessionKey = redisManager.keyManager.callKey(callConnectionId, Component.SESSION);
    await redisManager.storeCallSession(callConnectionId, sessionData);
  }

  await handleCallConnected('call-connection-id-1234');

  expect(sessionKey).toBe('rtvoice:prod:call:call-connection-id-1234:session');
  expect(await redisManager.getCallSession('call-connection-id-1234')).toEqual(sessionData);
  const ttl = Number(await server.cli('ttl', sessionKey));
  expect(ttl).toBeGreaterThan(3590);
  expect(ttl).toBeLessThanOrEqual(3600);
});

test('conversation management with MemoManager', async () => {
  async function setupConversation(sessionId?: string): Promise<MemoManager> {
    let cm = new MemoManager({ sessionId, environment: 'prod' });
    cm = await MemoManager.fromRedis(sessionId, redisManager);
    await cm.updateContext({ user_authenticated: true });
    await cm.appendToHistory('user', 'Hello');
    return cm;
  }

  const sessionId = newId();
  const cm = await setupConversation(sessionId);
  expect(cm.sessionId).toBe(sessionId);
  const again = await MemoManager.fromRedis(sessionId, redisManager);
  expect(again.getContext('user_authenticated')).toBe(true);
  expect(await again.getHistory()).toEqual([{ seq: 1, role: 'user', text: 'Hello', agent: 'main' }]);
  // What the context calls authenticated is not the authentication state.
  expect(again.isAuthenticated).toBe(false);
  expect(await server.cli('type', `rtvoice:prod:conversation:${sessionId}:context`)).toBe('hash');
  expect(Number(await server.cli('ttl', `rtvoice:prod:conversation:${sessionId}:context`))).toBeGreaterThan(
    3590,
  );

  const nameless = await setupConversation();
  expect(nameless.sessionId).not.toBe('');
  expect(await (await MemoManager.fromRedis(nameless.sessionId, redisManager)).getHistory()).toHaveLength(1);
});

test('TTS caching', async () => {
  const audioData = randomBytes(32_000);
  async function cacheTtsResponse(phraseHash: string, audio: Buffer): Promise<string> {
    const key = `rtvoice:prod:cache:tts:${phraseHash}`;
    await redisManager.setBinary(key, audio, { ttl: 86400 });
    return key;
  }

  const phraseHash = createHash('sha256').update('Welcome').digest('hex');
  const key = await cacheTtsResponse(phraseHash, audioData);

  expect(key).toBe(redisManager.keyManager.cacheKey('tts', phraseHash));
  expect((await redisManager.getBinary(key))?.equals(audioData)).toBe(true);
  expect(Number(await server.cli('ttl', key))).toBeGreaterThan(86_390);
});
