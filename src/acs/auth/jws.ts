/**
 * JSON Web Signatures in compact form, RS256 only (RFC 7515, 7518). Checked on the event loop: a signature of 2048 bits
 * takes 50 µs there, while WebCrypto's way over a thread costs four times the processor's time and, on a busy machine,
 * lets each callback wait until that thread had its turn.
 */
import { type KeyObject, verify } from 'node:crypto';
import { asObject, type JsonObject } from '../fields.js';

export interface Jws {
  /** Key id, when the token names one. */
  readonly kid: string | undefined;
  /** What is signed: header and payload as they came. */
  readonly signed: string;
  readonly payload: Buffer;
  readonly signature: Buffer;
}

export type ReadJws =
  | { readonly ok: true; readonly jws: Jws }
  | { readonly ok: false; readonly reason: 'malformed' | 'algorithm' };

/** Takes a token apart. Nothing of it is to be believed before `isSigned` said so. */
export function readJws(token: string): ReadJws {
  const [head = '', body = '', mac = '', ...more] = token.split('.');
  const header = more.length === 0 ? parseObject(Buffer.from(head, 'base64url')) : undefined;
  if (!header) return { ok: false, reason: 'malformed' };
  // A critical extension is one that whoever does not know it must refuse: none is known here.
  if (header.alg !== 'RS256' || header.crit !== undefined) return { ok: false, reason: 'algorithm' };
  if (header.kid !== undefined && typeof header.kid !== 'string') return { ok: false, reason: 'malformed' };
  const signature = Buffer.from(mac, 'base64url');
  // One spelling only: another one of the same signature would be another token to whoever remembers used ones.
  if (signature.toString('base64url') !== mac) return { ok: false, reason: 'malformed' };
  return {
    ok: true,
    jws: {
      kid: header.kid,
      signed: `${head}.${body}`,
      payload: Buffer.from(body, 'base64url'),
      signature,
    },
  };
}

export function isSigned({ signed, signature }: Jws, key: KeyObject): boolean {
  return verify('RSA-SHA256', Buffer.from(signed, 'ascii'), key, signature);
}

/** A JSON object, or undefined for anything else. */
export function parseObject(bytes: Buffer): JsonObject | undefined {
  try {
    return asObject(JSON.parse(bytes.toString('utf8')));
  } catch {
    return undefined;
  }
}
