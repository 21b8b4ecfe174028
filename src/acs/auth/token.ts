import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { AUTH_CODES, type AuthCode } from '../codes.js';
import { KeysUnavailable } from './jwks.js';

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
  readonly key: JWTVerifyGetKey;
  readonly issuer: string | readonly string[];
  readonly audience: string | readonly string[];
  /** Seconds of difference allowed between the clocks. */
  readonly clockSkewS: number;
  readonly now?: () => number;
}

export type VerifiedToken =
  | { readonly ok: true; readonly token: string; readonly payload: JWTPayload; readonly expMs: number }
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
  try {
    const { payload } = await jwtVerify(token, rules.key, {
      algorithms: ['RS256'],
      issuer: asList(rules.issuer),
      audience: asList(rules.audience),
      clockTolerance: rules.clockSkewS,
      requiredClaims: ['exp', 'iss', 'aud'],
      currentDate: new Date(rules.now?.() ?? Date.now()),
    });
    const expMs = ((payload.exp ?? 0) + rules.clockSkewS) * 1000;
    return { ok: true, token, payload, expMs };
  } catch (error) {
    return refused(codeOf(error));
  }
}

const asList = (value: string | readonly string[]): string[] =>
  typeof value === 'string' ? [value] : [...value];

function codeOf(error: unknown): AuthCode {
  if (error instanceof KeysUnavailable) return AUTH_CODES.keysUnavailable;
  if (error instanceof errors.JWTExpired) return AUTH_CODES.expired;
  if (error instanceof errors.JWTClaimValidationFailed) {
    switch (error.claim) {
      case 'iss':
        return AUTH_CODES.issuer;
      case 'aud':
        return AUTH_CODES.audience;
      case 'nbf':
        return AUTH_CODES.notYetValid;
      default:
        return AUTH_CODES.claim;
    }
  }
  if (error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported) {
    return AUTH_CODES.algorithm;
  }
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) {
    return AUTH_CODES.keyUnknown;
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return AUTH_CODES.signature;
  return AUTH_CODES.malformed;
}
