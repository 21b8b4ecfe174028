import type { AcsFailure } from './client-types.js';
import { ACS_CODES, type AcsErrorCode } from './codes.js';
import { asInteger, asObject, asText, compact } from './fields.js';

/** Node's codes for "no connection was made": the request never left. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'UND_ERR_CONNECT_TIMEOUT',
]);
/** TLS refusals happen before the request is written. */
const TLS = /^(ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO)/;

const BY_SUB_CODE: Readonly<Record<number, { code: AcsErrorCode; retryable: boolean }>> = {
  8501: { code: ACS_CODES.notEstablished, retryable: true },
  8519: { code: ACS_CODES.conflict, retryable: true },
  8522: { code: ACS_CODES.callNotFound, retryable: false },
  8528: { code: ACS_CODES.callEnded, retryable: false },
  8583: { code: ACS_CODES.mediaIncompatible, retryable: false },
};

const BY_STATUS: Readonly<Record<number, { code: AcsErrorCode; retryable: boolean }>> = {
  401: { code: ACS_CODES.unauthorized, retryable: false },
  403: { code: ACS_CODES.unauthorized, retryable: false },
  404: { code: ACS_CODES.notFound, retryable: false },
  408: { code: ACS_CODES.serverError, retryable: true },
  409: { code: ACS_CODES.conflict, retryable: true },
  412: { code: ACS_CODES.mediaIncompatible, retryable: false },
  429: { code: ACS_CODES.throttled, retryable: true },
  503: { code: ACS_CODES.busy, retryable: true },
};

export function failure(code: AcsErrorCode, rest: Partial<Omit<AcsFailure, 'ok' | 'code'>> = {}): AcsFailure {
  return { ok: false, code, retryable: false, unknown: false, ...rest };
}

/**
 * What an error thrown by the SDK means. Reads only codes, status and retry-after: messages may hold URLs
 * and parties.
 * @param nowMs for a retry-after that is a date.
 */
export function classify(error: unknown, nowMs: number): AcsFailure {
  const object = asObject(error);
  // An HTTP answer that arrived: its body is in `details`, as the SDK read it.
  const status = asInteger(object?.statusCode);
  if (status !== undefined) return byAnswer(status, error, nowMs);
  const code = asText(object?.code, 64) ?? asText(asObject(object?.cause)?.code, 64);
  if (code && (NOT_SENT.has(code) || TLS.test(code))) {
    return failure(ACS_CODES.unreachable, { retryable: NOT_SENT.has(code) });
  }
  if (object?.name === 'AbortError') return failure(ACS_CODES.aborted, { retryable: true, unknown: true });
  if (code === 'PARSE_ERROR' || typeof error === 'string') {
    return failure(ACS_CODES.unexpectedResponse, { unknown: true });
  }
  if (code || object?.name === 'RestError') {
    return failure(ACS_CODES.connectionLost, { retryable: true, unknown: true });
  }
  // Thrown before anything was sent: the SDK's own checks of its arguments.
  return failure(ACS_CODES.badArgument);
}

function byAnswer(status: number, error: unknown, nowMs: number): AcsFailure {
  const object = asObject(error);
  const details = asObject(object?.details);
  const subCode =
    asInteger(asObject(details?.error)?.code) ?? asInteger(details?.code) ?? asInteger(object?.code);
  const retryAfterMs = readRetryAfter(asObject(object?.response)?.headers, nowMs);
  const shared = compact({ status, subCode, retryAfterMs });
  if (status < 400) return failure(ACS_CODES.unexpectedResponse, { ...shared, unknown: true });
  const known = (subCode === undefined ? undefined : BY_SUB_CODE[subCode]) ?? BY_STATUS[status];
  if (status === 408 || (status >= 500 && status !== 503)) {
    return failure(ACS_CODES.serverError, { ...shared, retryable: true, unknown: true });
  }
  return failure(known?.code ?? ACS_CODES.refused, { ...shared, retryable: known?.retryable ?? false });
}

/** Retry-after-ms, x-ms-retry-after-ms, or Retry-After in seconds or as a date; ms from now. */
function readRetryAfter(headers: unknown, nowMs: number): number | undefined {
  const get = (headers as { get?: (name: string) => unknown } | undefined)?.get;
  if (typeof get !== 'function') return undefined;
  for (const name of ['retry-after-ms', 'x-ms-retry-after-ms']) {
    const ms = asInteger(get.call(headers, name));
    if (ms !== undefined && ms >= 0) return ms;
  }
  const value = get.call(headers, 'retry-after');
  const seconds = asInteger(value);
  if (seconds !== undefined) return Math.max(0, seconds) * 1000;
  const date = typeof value === 'string' && value.length < 64 ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
