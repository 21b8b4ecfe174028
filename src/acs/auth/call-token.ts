import { createHmac, timingSafeEqual } from 'node:crypto';
import { asSafeId } from '../fields.js';

const DOMAIN = 'rtvoice/call-token/v1';
const MAC_BYTES = 16;
const MAC_TEXT = 22;
const MAX_TOKEN = 256;

/**
 * The secret part of a call's callback and media URLs: `base64url(correlationId).mac`. Made anew by any
 * worker with the same secret; holds no personal data, and only the deployment can make one.
 * @param secret at least 16 characters or bytes.
 * @throws RangeError for a short secret or a correlation id that is no id.
 */
export function mintCallToken(secret: string | Uint8Array, correlationId: string): string {
  if (secret.length < 16) throw new RangeError('the URL secret has at least 16 bytes');
  if (!asSafeId(correlationId)) throw new RangeError('not a correlation id');
  return `${Buffer.from(correlationId).toString('base64url')}.${mac(secret, correlationId).toString('base64url')}`;
}

/**
 * The correlation id of a token made with the secret (or one of the secrets, while one replaces another).
 * @returns undefined for everything else. Constant time in the MAC.
 */
export function readCallToken(
  secret: string | Uint8Array | readonly (string | Uint8Array)[],
  token: unknown,
): string | undefined {
  if (typeof token !== 'string' || token.length > MAX_TOKEN) return undefined;
  const dot = token.indexOf('.');
  const given = Buffer.from(token.slice(dot + 1), 'base64url');
  if (dot < 1 || token.length - dot - 1 !== MAC_TEXT || given.length !== MAC_BYTES) return undefined;
  const correlationId = Buffer.from(token.slice(0, dot), 'base64url').toString('utf8');
  let valid = false;
  for (const one of typeof secret === 'string' || secret instanceof Uint8Array ? [secret] : secret) {
    if (timingSafeEqual(given, mac(one, correlationId)) && one.length >= 16) valid = true;
  }
  // One spelling of a token only: base64url has others that decode to the same bytes.
  if (!valid || !asSafeId(correlationId)) return undefined;
  const spelt = `${Buffer.from(correlationId).toString('base64url')}.${given.toString('base64url')}`;
  return spelt === token ? correlationId : undefined;
}

function mac(secret: string | Uint8Array, correlationId: string): Buffer {
  return createHmac('sha256', secret).update(`${DOMAIN}\0${correlationId}`).digest().subarray(0, MAC_BYTES);
}
