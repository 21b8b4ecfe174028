import { describe, expect, it } from 'vitest';
import { readRedisConfig, redisSettings } from './config-redis.js';

const settings = (env: Record<string, string>) =>
  redisSettings(readRedisConfig({ REDIS_HOST: 'redis.example', ...env }));

describe('settings of Redis', () => {
  it('are one endpoint unless said otherwise', () => {
    expect(settings({ REDIS_PASSWORD: 'p' })).toEqual({
      mode: 'plain',
      host: 'redis.example',
      port: 6379,
      tls: false,
      deadlineMs: 250,
      password: 'p',
    });
  });

  it('name sentinels, with IPv6 in brackets', () => {
    const env = {
      REDIS_MODE: 'sentinel',
      REDIS_SENTINELS: 's1:26379, [fd00::1]:26380',
      REDIS_SENTINEL_NAME: 'm',
    };
    expect(settings({ ...env, REDIS_SENTINEL_PASSWORD: 'q' })).toMatchObject({
      mode: 'sentinel',
      sentinels: [
        { host: 's1', port: 26379 },
        { host: 'fd00::1', port: 26380 },
      ],
      sentinelName: 'm',
      sentinelPassword: 'q',
    });
  });

  it('take Entra ID tokens with TLS, under an object id that may be given', () => {
    const given = settings({ REDIS_ENTRA: 'true', REDIS_SSL: 'true', REDIS_ENTRA_OBJECT_ID: 'o' });
    expect(given).toMatchObject({ tls: true, entra: { objectId: 'o' } });
    expect(given.entra?.credential.getToken).toBeTypeOf('function');
    expect(given.password).toBeUndefined();
  });

  it.each([
    [{ REDIS_MODE: 'sentinel' }, ['REDIS_SENTINELS', 'REDIS_SENTINEL_NAME']],
    [{ REDIS_MODE: 'sentinel', REDIS_SENTINELS: 'a:0', REDIS_SENTINEL_NAME: 'm' }, ['REDIS_SENTINELS']],
    [{ REDIS_MODE: 'sentinel', REDIS_SENTINELS: 'a', REDIS_SENTINEL_NAME: 'm' }, ['REDIS_SENTINELS']],
    [{ REDIS_MODE: 'cluster' }, ['REDIS_HASH_TAGS']],
    [{ REDIS_ENTRA: 'true' }, ['REDIS_SSL']],
    [{ REDIS_ENTRA: 'true', REDIS_SSL: 'true', REDIS_PASSWORD: 'secret' }, ['REDIS_PASSWORD']],
    [{ REDIS_CA_FILE: '/ca.pem' }, ['REDIS_SSL']],
  ])('that contradict each other are refused, by name: %j', (env, names) => {
    const refused = (): unknown => settings(env);
    for (const name of names) expect(refused).toThrow(name);
    expect(refused).not.toThrow('secret');
  });
});
