import { randomUUID } from 'node:crypto';
import { base64url, exportSPKI, type JWTPayload, SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEventGridVerifier } from '../../src/acs/auth/event-grid.js';
import { type AcsVerifier, createAcsVerifier, disabledAcsVerifier } from '../../src/acs/auth/jwt.js';
import { LocalSeenTokens } from '../../src/acs/auth/seen-tokens.js';
import { authStatus } from '../../src/acs/auth/token.js';
import { type Issuer, makeKey, startIssuer } from './issuer.js';

const RESOURCE = '11111111-2222-3333-4444-555555555555';
const START = Date.UTC(2025, 0, 2, 3, 4, 5);
const body = Buffer.from('[{"id":"a"}]');

let issuer: Issuer;
let nowMs: number;
let acs: AcsVerifier;
let seen: LocalSeenTokens;

beforeEach(async () => {
  issuer = await startIssuer();
  nowMs = START;
  seen = new LocalSeenTokens(1000, () => nowMs);
  acs = createAcsVerifier({
    resourceId: RESOURCE,
    issuer: issuer.issuer,
    now: () => nowMs,
    seen,
    jwks: { cooldownMs: 1000, maxAgeMs: 10_000, staleMs: 100_000, timeoutMs: 500 },
  });
});
afterEach(() => issuer.close());

const claims = (more: JWTPayload = {}): JWTPayload => {
  const nowS = Math.floor(nowMs / 1000);
  return {
    iss: issuer.issuer,
    aud: RESOURCE,
    jti: randomUUID(),
    iat: nowS,
    nbf: nowS,
    exp: nowS + 300,
    ...more,
  };
};
const bearer = (token: string) => `Bearer ${token}`;
const callback = (token: string, content: Uint8Array = body) =>
  acs.callback({ authorization: bearer(token), body: content });
const upgrade = (token: string, callConnectionId: unknown = 'call-1') =>
  acs.upgrade({ authorization: bearer(token), callConnectionId });
const code = (name: string) => ({ ok: false, code: `RTV_AUTH_${name}` });

/** Each refusal holds at both doors. */
async function refusedAtBoth(token: string, name: string): Promise<void> {
  expect(await callback(token)).toEqual(code(name));
  expect(await upgrade(token)).toEqual(code(name));
}

describe('tokens of ACS', () => {
  it('lets real ones in', async () => {
    expect(await callback(await issuer.sign(claims()))).toEqual({ ok: true });
    expect(await upgrade(await issuer.sign(claims()))).toEqual({ ok: true });
    expect(issuer.reads).toBe(1);
  });

  it('refuses missing and malformed ones', async () => {
    for (const authorization of [undefined, '']) {
      expect(await acs.callback({ authorization, body })).toEqual(code('MISSING'));
      expect(await acs.upgrade({ authorization, callConnectionId: 'call-1' })).toEqual(code('MISSING'));
    }
    for (const authorization of [
      'Basic x',
      'Bearer x',
      'Bearer a.b.c',
      ['Bearer a.b.c'],
      `Bearer ${'a'.repeat(9000)}`,
    ]) {
      expect(await acs.callback({ authorization, body })).toEqual(code('MALFORMED'));
      expect(await acs.upgrade({ authorization, callConnectionId: 'call-1' })).toEqual(code('MALFORMED'));
    }
    expect(await upgrade(await issuer.sign(claims()), null)).toEqual(code('MALFORMED'));
  });

  it('refuses expired, early, and those that never end', async () => {
    const nowS = nowMs / 1000;
    await refusedAtBoth(await issuer.sign(claims({ exp: nowS - 61 })), 'EXPIRED');
    await refusedAtBoth(await issuer.sign(claims({ nbf: nowS + 61 })), 'NOT_YET_VALID');
    const { exp: _exp, ...endless } = claims();
    await refusedAtBoth(await issuer.sign(endless), 'CLAIM');
  });

  it('allows for clocks that differ by a minute', async () => {
    const nowS = nowMs / 1000;
    expect(await callback(await issuer.sign(claims({ exp: nowS - 55 })))).toEqual({ ok: true });
    expect(await callback(await issuer.sign(claims({ nbf: nowS + 55 })))).toEqual({ ok: true });
  });

  it('refuses another audience and another issuer', async () => {
    await refusedAtBoth(await issuer.sign(claims({ aud: 'other' })), 'AUDIENCE');
    await refusedAtBoth(await issuer.sign(claims({ iss: 'https://evil.test' })), 'ISSUER');
    const { aud: _aud, ...anybody } = claims();
    await refusedAtBoth(await issuer.sign(anybody), 'AUDIENCE');
  });

  it('refuses a forged key under a known id, and a changed token', async () => {
    const forged = await makeKey('key-1');
    await refusedAtBoth(await issuer.sign(claims(), forged), 'SIGNATURE');
    const [head = '', , mac = ''] = (await issuer.sign(claims())).split('.');
    const changed = base64url.encode(JSON.stringify(claims({ jti: 'mine' })));
    await refusedAtBoth(`${head}.${changed}.${mac}`, 'SIGNATURE');
  });

  it('refuses every algorithm but RS256, none and the public key as a secret included', async () => {
    const none = `${base64url.encode('{"alg":"none"}')}.${base64url.encode(JSON.stringify(claims()))}.`;
    await refusedAtBoth(none, 'ALGORITHM');
    const [first] = issuer.keys;
    if (!first) throw new Error('no key');
    const secret = new TextEncoder().encode(await exportSPKI(first.pair.publicKey));
    const confused = await new SignJWT(claims())
      .setProtectedHeader({ alg: 'HS256', kid: 'key-1' })
      .sign(secret);
    await refusedAtBoth(confused, 'ALGORITHM');
  });

  it('the same token with the same body is a redelivery, with another body a replay', async () => {
    const token = await issuer.sign(claims());
    expect(await callback(token)).toEqual({ ok: true });
    expect(await callback(token)).toEqual({ ok: true });
    expect(await callback(token, Buffer.from('[{"id":"b"}]'))).toEqual(code('REPLAYED'));
    expect(await upgrade(token)).toEqual(code('REPLAYED'));
    expect(await callback(token)).toEqual({ ok: true });
  });

  it("a socket's token serves one call", async () => {
    const token = await issuer.sign(claims());
    expect(await upgrade(token, 'call-1')).toEqual({ ok: true });
    expect(await upgrade(token, 'call-1')).toEqual({ ok: true });
    expect(await upgrade(token, 'call-2')).toEqual(code('REPLAYED'));
    expect(await callback(token)).toEqual(code('REPLAYED'));
  });

  it('forgets tokens when they have ended, and none before', async () => {
    for (let n = 0; n < 20; n += 1) await callback(await issuer.sign(claims()));
    expect(seen.size).toBe(20);
    nowMs += 361_000;
    await callback(await issuer.sign(claims()));
    expect(seen.size).toBe(1);
    expect(seen.evicted).toBe(0);
  });

  it('refuses nothing when it is disabled', async () => {
    expect(disabledAcsVerifier.enabled).toBe(false);
    expect(await disabledAcsVerifier.callback({ authorization: undefined, body })).toEqual({ ok: true });
    expect(await disabledAcsVerifier.upgrade({ authorization: undefined, callConnectionId: 'x' })).toEqual({
      ok: true,
    });
  });
});

describe('keys', () => {
  it('finds a rotated key at once, and asks no more than once in the cool-down', async () => {
    await acs.warm();
    nowMs += 1500;
    const second = await makeKey('key-2');
    issuer.keys = [...issuer.keys, second];
    expect(await callback(await issuer.sign(claims(), second))).toEqual({ ok: true });
    expect(issuer.reads).toBe(2);
    const unknown = await makeKey('key-3');
    for (let n = 0; n < 10; n += 1) {
      await refusedAtBoth(await issuer.sign(claims(), unknown), 'KEY_UNKNOWN');
    }
    expect(issuer.reads).toBe(2);
    nowMs += 1500;
    await refusedAtBoth(await issuer.sign(claims(), unknown), 'KEY_UNKNOWN');
    expect(issuer.reads).toBe(3);
  });

  it('drops a key that the issuer withdrew', async () => {
    const old = await issuer.sign(claims());
    expect(await callback(old)).toEqual({ ok: true });
    const second = await makeKey('key-2');
    issuer.keys = [second];
    nowMs += 1500;
    expect(await callback(await issuer.sign(claims(), second))).toEqual({ ok: true });
    expect(await callback(old)).toEqual(code('KEY_UNKNOWN'));
  });

  it('goes on with old keys while the issuer is away, and not for ever', async () => {
    expect(await callback(await issuer.sign(claims()))).toEqual({ ok: true });
    issuer.status = 500;
    nowMs += 50_000;
    expect(await callback(await issuer.sign(claims()))).toEqual({ ok: true });
    await expect.poll(() => issuer.reads).toBe(2);
    nowMs += 60_000;
    const late = await callback(await issuer.sign(claims()));
    expect(late).toEqual(code('KEYS_UNAVAILABLE'));
    if (!late.ok) expect(authStatus(late)).toBe(503);
  });

  it('without keys from the start it is 503, and it comes back', async () => {
    issuer.status = 503;
    expect(await acs.warm()).toBe(false);
    expect(await callback(await issuer.sign(claims()))).toEqual(code('KEYS_UNAVAILABLE'));
    expect(issuer.reads).toBe(1);
    issuer.status = 200;
    nowMs += 1500;
    expect(await callback(await issuer.sign(claims()))).toEqual({ ok: true });
  });

  it('asks once for many tokens that come together', async () => {
    const tokens = await Promise.all(Array.from({ length: 25 }, () => issuer.sign(claims())));
    const results = await Promise.all(tokens.map((token) => callback(token)));
    expect(results.every((result) => result.ok)).toBe(true);
    expect(issuer.reads).toBe(1);
  });
});

describe('Event Grid with Entra', () => {
  const settings = () => ({
    mode: 'entra' as const,
    issuer: issuer.issuer,
    audience: 'api://rtvoice',
    jwksUrl: issuer.jwksUrl,
    appIds: ['event-grid-app'],
  });
  const query = new URLSearchParams();

  it('takes the token of Event Grid, again and again, and nobody else', async () => {
    nowMs = Date.now();
    const grid = createEventGridVerifier(settings());
    const token = await issuer.sign(claims({ aud: 'api://rtvoice', azp: 'event-grid-app' }));
    for (let n = 0; n < 3; n += 1) {
      expect(await grid.verify({ authorization: bearer(token) }, query)).toEqual({ ok: true });
    }
    const other = await issuer.sign(claims({ aud: 'api://rtvoice', appid: 'other-app' }));
    expect(await grid.verify({ authorization: bearer(other) }, query)).toEqual(code('CLAIM'));
    const wrong = await issuer.sign(claims({ azp: 'event-grid-app' }));
    expect(await grid.verify({ authorization: bearer(wrong) }, query)).toEqual(code('AUDIENCE'));
    expect(await grid.verify({}, query)).toEqual(code('MISSING'));
  });
});
