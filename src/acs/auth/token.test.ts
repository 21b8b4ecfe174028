import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { jwtVerify, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { type TokenRules, verifyBearer } from './token.js';

const NOW_MS = Date.UTC(2026, 2, 1);
const NOW_S = NOW_MS / 1000;
const pairs = [2048, 2048].map((modulusLength) => generateKeyPairSync('rsa', { modulusLength }));
const [ours, other] = pairs.map(({ privateKey }) => privateKey);
if (!ours || !other) throw new Error('no keys');
const publicKey: KeyObject = createPublicKey(ours);

const rules: TokenRules = {
  key: async (kid) => (kid === 'known' ? publicKey : undefined),
  issuer: ['https://issuer.test', 'https://second.test'],
  audience: 'resource',
  clockSkewS: 60,
  now: () => NOW_MS,
};

const around = fc.integer({ min: NOW_S - 200, max: NOW_S + 200 });
const odd = fc.constantFrom('1', '', null, true, [], {}, -1, 1.5);
const claims = fc.record(
  {
    iss: fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom('https://issuer.test', 'https://second.test') },
      odd,
    ),
    aud: fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom('resource', ['x', 'resource']) },
      fc.constantFrom('other', ['x'], []),
      odd,
    ),
    exp: fc.oneof({ weight: 12, arbitrary: around }, odd),
    nbf: fc.oneof({ weight: 12, arbitrary: around }, odd),
    iat: fc.oneof({ weight: 12, arbitrary: around }, odd),
    sub: fc.string(),
  },
  { requiredKeys: ['sub'] },
);
const header = fc.record({
  alg: fc.oneof({ weight: 8, arbitrary: fc.constant('RS256') }, fc.constantFrom('RS384', 'PS256')),
  kid: fc.oneof({ weight: 8, arbitrary: fc.constant('known') }, fc.constant('unknown')),
});

describe('verifyBearer', () => {
  it('takes what jose takes, and nothing else', async () => {
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(
        claims,
        header,
        fc.constantFrom(ours, ours, ours, other),
        async (payload, head, key) => {
          const token = await new SignJWT(payload as Record<string, unknown>)
            .setProtectedHeader(head)
            .sign(key);
          const standard = await jwtVerify(
            token,
            ({ kid }) => (kid === 'known' ? publicKey : Promise.reject(new Error())),
            {
              algorithms: ['RS256'],
              issuer: [...rules.issuer],
              audience: 'resource',
              clockTolerance: 60,
              requiredClaims: ['exp', 'iss', 'aud'],
              currentDate: new Date(NOW_MS),
            },
          ).then(
            () => true,
            () => false,
          );
          expect((await verifyBearer(`Bearer ${token}`, rules)).ok).toBe(standard);
          taken += standard ? 1 : 0;
        },
      ),
      { numRuns: 600 },
    );
    expect(taken).toBeGreaterThan(20);
  }, 60_000);

  it('refuses a token after any change of one character, and in another spelling', async () => {
    const token = await new SignJWT({ iss: 'https://issuer.test', aud: 'resource', exp: NOW_S + 60 })
      .setProtectedHeader({ alg: 'RS256', kid: 'known' })
      .sign(ours);
    expect((await verifyBearer(`Bearer ${token}`, rules)).ok).toBe(true);
    for (let at = 0; at < token.length; at += 1) {
      for (const replacement of ['A', 'B', '.', '-', '']) {
        const changed = token.slice(0, at) + replacement + token.slice(at + 1);
        if (changed === token) continue;
        expect((await verifyBearer(`Bearer ${changed}`, rules)).ok, `at ${at}`).toBe(false);
      }
    }
    // The last character of a signature of 256 bytes has four bits to spare: same bytes, another text.
    const bytes = (text: string): string =>
      Buffer.from(text.split('.')[2] ?? '', 'base64url').toString('hex');
    const spelt = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']
      .map((last) => token.slice(0, -1) + last)
      .filter((one) => one !== token && bytes(one) === bytes(token));
    expect(spelt.length).toBe(15);
    for (const one of spelt) {
      expect(await verifyBearer(`Bearer ${one}`, rules)).toEqual({ ok: false, code: 'RTV_AUTH_MALFORMED' });
    }
  }, 60_000);
});
