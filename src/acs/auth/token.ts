import type { KeyObject } from 'node:crypto';
import { AUTH_CODES, type AuthCode } from '../codes.js';
import type { JsonObject } from '../fields.js';
import { KeysUnavailable } from './jwks.js';
import { isSigned, parseObject, readJws } from './jws.js';

export type AuthResult = { readonly ok: true } | AuthRefusal;

/** A refusal: each one is a security event. It holds neither the token nor its claims. */
export interface AuthRefusal {
  readonly ok: false;
  readonly code: AuthCode;
}

export const refused = (code: AuthCode): AuthRefusal => ({ ok: false, code });

/** HTTP status of a refusal: 503 where trying again may help, 401 otherwise. */
export function authStatus(refusal: AuthRefusal): 401 | 503 {
  return refusal.code === AUTH_CODES.keysUnavailable ? 503 : 401;
}

export interface TokenRules {
  /** The key of an id; undefined: there is none. Rejects with KeysUnavailable. */
  key(kid: string | undefined): Promise<KeyObject | undefined>;
  readonly issuer: string | readonly string[];
  readonly audience: string | readonly string[];
  /** Seconds of difference allowed between the clocks. */
  readonly clockSkewS: number;
  readonly now?: () => number;
}

export type VerifiedToken =
  | { readonly ok: true; readonly token: string; readonly payload: JsonObject; readonly expMs: number }
  | AuthRefusal;

const MAX_TOKEN = 8192;
// The third part may be empty: `alg: none` is refused for what it is.
const BEARER = /^Bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*) *$/i;

/**
 * Verifies a `Bearer` JWT: RS256 only, issuer, audience, times; `exp` is required.
 * @param authorization value of the Authorization header.
 */
export async function verifyBearer(authorization: unknown, rules: TokenRules): Promise<VerifiedToken> {
  if (authorization === undefined || authorization === '') return refused(AUTH_CODES.missing);
  if (typeof authorization !== 'string' || authorization.length > MAX_TOKEN) {
    return refused(AUTH_CODES.malformed);
  }
  const token = BEARER.exec(authorization)?.[1];
  if (!token) return refused(AUTH_CODES.malformed);
  const read = readJws(token);
  if (!read.ok) return refused(read.reason === 'algorithm' ? AUTH_CODES.algorithm : AUTH_CODES.malformed);
  const { jws } = read;
  let key: KeyObject | undefined;
  try {
    key = await rules.key(jws.kid);
  } catch (thrown) {
    if (!(thrown instanceof KeysUnavailable)) throw thrown;
    return refused(AUTH_CODES.keysUnavailable);
  }
  if (!key) return refused(AUTH_CODES.keyUnknown);
  if (!isSigned(jws, key)) return refused(AUTH_CODES.signature);
  const payload = parseObject(jws.payload);
  if (!payload) return refused(AUTH_CODES.malformed);
  const wrong = wrongClaim(payload, rules);
  if (wrong) return refused(wrong);
  return { ok: true, token, payload, expMs: (Number(payload.exp) + rules.clockSkewS) * 1000 };
}

const asList = (value: string | readonly string[]): readonly string[] =>
  typeof value === 'string' ? [value] : value;

/** What is wrong with the registered claims (RFC 7519, 4.1), the first of it. `exp`, `iss` and `aud` must be there. */
function wrongClaim(payload: JsonObject, rules: TokenRules): AuthCode | undefined {
  const { iss, aud, exp, nbf, iat } = payload;
  const nowS = Math.floor((rules.now?.() ?? Date.now()) / 1000);
  if (typeof iss !== 'string' || !asList(rules.issuer).includes(iss)) return AUTH_CODES.issuer;
  const meant: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!asList(rules.audience).some((audience) => meant.includes(audience))) return AUTH_CODES.audience;
  if (!isNumericDate(exp) || (iat !== undefined && !isNumericDate(iat))) return AUTH_CODES.claim;
  if (nbf !== undefined && (!isNumericDate(nbf) || nbf > nowS + rules.clockSkewS))
    return AUTH_CODES.notYetValid;
  return exp <= nowS - rules.clockSkewS ? AUTH_CODES.expired : undefined;
}

const isNumericDate = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value);
