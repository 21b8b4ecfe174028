/** Tokens as the simulator of a stack signs them, right and wrong ones: for tests that post to the doors themselves. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importPKCS8,
  SignJWT,
} from 'jose';

export interface TokenClaims {
  readonly issuer?: string;
  readonly audience?: string;
  /** Seconds from now. */
  readonly issuedS?: number;
  readonly expiresS?: number;
  /** Signed by a key that the issuer does not publish, under the name of one that it does. */
  readonly forged?: boolean;
  /** Names a key that nobody has. */
  readonly strangeKey?: boolean;
}

export interface AcsTokens {
  /** The value of an Authorization header; each call makes a new token. */
  bearer(claims?: TokenClaims): Promise<string>;
  /** A header and claims without a signature. */
  unsigned(): string;
}

/** @param env of a worker: whom it takes tokens from, and for what */
export async function acsTokens(
  stateDir: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<AcsTokens> {
  const pem = await readFile(join(stateDir, 'simulator-signing-key.pem'), 'utf8');
  const key = await importPKCS8(pem, 'RS256', { extractable: true });
  const { kty = 'RSA', n = '', e = '' } = await exportJWK(key);
  const kid = await calculateJwkThumbprint({ kty, n, e });
  let stranger: CryptoKey | undefined;
  const standard = { issuer: env.ACS_JWT_ISSUER ?? '', audience: env.ACS_RESOURCE_ID ?? '' };
  return {
    async bearer(claims = {}) {
      if (claims.forged && !stranger) {
        stranger = (await generateKeyPair('RS256', { modulusLength: 2048 })).privateKey;
      }
      const nowS = Math.floor(Date.now() / 1000);
      const token = await new SignJWT({})
        .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: claims.strangeKey ? randomUUID() : kid })
        .setIssuer(claims.issuer ?? standard.issuer)
        .setAudience(claims.audience ?? standard.audience)
        .setJti(randomUUID())
        .setIssuedAt(nowS + (claims.issuedS ?? 0))
        .setNotBefore(nowS + (claims.issuedS ?? 0))
        .setExpirationTime(nowS + (claims.expiresS ?? 300))
        .sign(claims.forged && stranger ? stranger : key);
      return `Bearer ${token}`;
    },
    unsigned() {
      const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
      const expires = Math.floor(Date.now() / 1000) + 300;
      return `Bearer ${encode({ alg: 'none' })}.${encode({ iss: standard.issuer, aud: standard.audience, exp: expires })}.`;
    },
  };
}
