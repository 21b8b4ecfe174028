import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { AcsError } from './acs-error.js';

const SCHEME =
  /^HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=([A-Za-z0-9+/]+={0,2})$/;
const MAX_SKEW_MS = 15 * 60_000;

/** The parts of a request that its signature covers. */
export interface SignedRequest {
  readonly method: string;
  /** Path and query as received, percent-encoded. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** Checks an ACS access-key signature; throws the 401 that ACS answers, with the reason as inner code. */
export function verifyHmac(request: SignedRequest, accessKey: Buffer, nowMs: number): void {
  const header = (name: string): string => {
    const value = request.headers[name];
    return typeof value === 'string' ? value : '';
  };
  const signature = SCHEME.exec(header('authorization'))?.[1];
  if (signature === undefined)
    throw denied('RTV_SIM_HMAC_MISSING', 'The Authorization header is missing or has another form.');
  const date = header('x-ms-date');
  const skew = Math.abs(Date.parse(date) - nowMs);
  if (!(skew <= MAX_SKEW_MS))
    throw denied('RTV_SIM_HMAC_DATE', 'The x-ms-date header is missing or too far from now.');
  const hash = createHash('sha256').update(request.body).digest('base64');
  if (header('x-ms-content-sha256') !== hash) {
    throw denied('RTV_SIM_HMAC_CONTENT', 'The x-ms-content-sha256 header does not match the body.');
  }
  const text = `${request.method}\n${request.url}\n${date};${header('host')};${hash}`;
  const expected = createHmac('sha256', accessKey).update(text).digest();
  const given = Buffer.from(signature, 'base64');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw denied('RTV_SIM_HMAC_SIGNATURE', 'The signature does not match the request.');
  }
}

function denied(inner: string, message: string): AcsError {
  return new AcsError(401, 'Denied', message, { inner, headers: { 'www-authenticate': 'HMAC-SHA256' } });
}
