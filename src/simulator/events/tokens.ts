import { randomUUID } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  exportPKCS8,
  generateKeyPair,
  importPKCS8,
  type JWK,
  SignJWT,
} from 'jose';
import type { TokenFault } from '../faults/grammar.js';

const LIFETIME_SECONDS = 300;
const KEY_FILE = 'simulator-signing-key.pem';
const MAX_PUBLISHED_KEYS = 4;

interface Key {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

/**
 * Signs the tokens of callbacks and socket upgrades as ACS does: RS256, five minutes, a new one for each event. Each
 * has its own `jti`, for two tokens of one second would otherwise be the same bytes.
 */
export class TokenSigner {
  readonly issuer: string;
  readonly audience: string;
  readonly #stateDir: string | undefined;
  #keys: Key[];
  #stranger: Key | undefined;
  #last: string | undefined;

  private constructor(issuer: string, audience: string, stateDir: string | undefined, key: Key) {
    this.issuer = issuer;
    this.audience = audience;
    this.#stateDir = stateDir;
    this.#keys = [key];
  }

  /** Reads the signing key from `stateDir`, or makes one and keeps it there (mode 0600). */
  static async create(options: {
    issuer: string;
    audience: string;
    stateDir: string | undefined;
  }): Promise<TokenSigner> {
    const key = (await readKey(options.stateDir)) ?? (await newKey(options.stateDir));
    return new TokenSigner(options.issuer, options.audience, options.stateDir, key);
  }

  /** Signs with a new key from now on; the earlier ones stay published. */
  async rotate(): Promise<string> {
    const key = await newKey(this.#stateDir);
    this.#keys = [key, ...this.#keys].slice(0, MAX_PUBLISHED_KEYS);
    return key.kid;
  }

  /** The JSON Web Key Set of /calling/keys. */
  keySet(): { keys: JWK[] } {
    return { keys: this.#keys.map((key) => key.publicJwk) };
  }

  /** The value of an Authorization header, with what is wrong with it on demand; undefined: no token at all. */
  async authorization(fault?: TokenFault): Promise<string | undefined> {
    if (fault === 'missing') return undefined;
    if (fault === 'reused' && this.#last !== undefined) return this.#last;
    const key = fault === 'wrongKey' ? await this.#strangerKey() : this.#keys[0];
    if (!key) return undefined;
    const issuedAt = Math.floor(Date.now() / 1000) - (fault === 'expired' ? 3600 : 0);
    const token = await new SignJWT({})
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: this.#keys[0]?.kid ?? key.kid })
      .setIssuer(fault === 'wrongIssuer' ? 'https://issuer.invalid' : this.issuer)
      .setAudience(fault === 'wrongAudience' ? randomUUID() : this.audience)
      .setJti(randomUUID())
      .setIssuedAt(issuedAt)
      .setNotBefore(issuedAt)
      .setExpirationTime(issuedAt + LIFETIME_SECONDS)
      .sign(key.privateKey);
    const value = `Bearer ${token}`;
    if (fault === undefined) this.#last = value;
    return value;
  }

  async #strangerKey(): Promise<Key> {
    this.#stranger ??= await newKey(undefined);
    return this.#stranger;
  }
}

async function readKey(stateDir: string | undefined): Promise<Key | undefined> {
  if (stateDir === undefined) return undefined;
  let pem: string;
  try {
    pem = await readFile(join(stateDir, KEY_FILE), 'utf8');
  } catch {
    return undefined;
  }
  return describe(await importPKCS8(pem, 'RS256', { extractable: true }));
}

async function newKey(stateDir: string | undefined): Promise<Key> {
  const { privateKey } = await generateKeyPair('RS256', { modulusLength: 2048, extractable: true });
  if (stateDir !== undefined) {
    await mkdir(stateDir, { recursive: true });
    await writeFile(join(stateDir, KEY_FILE), await exportPKCS8(privateKey), { mode: 0o600 });
  }
  return describe(privateKey);
}

async function describe(privateKey: CryptoKey): Promise<Key> {
  const { kty, n, e } = await exportJWK(privateKey);
  const bare: JWK = { kty: kty ?? 'RSA', n: n ?? '', e: e ?? '' };
  const kid = await calculateJwkThumbprint(bare);
  return { kid, privateKey, publicJwk: { ...bare, kid, use: 'sig', alg: 'RS256' } };
}
