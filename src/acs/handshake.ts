import type { RequestHeaders } from './incoming.js';

/** Answer to the CloudEvents abuse-protection handshake. */
export interface HandshakeAnswer {
  readonly status: 200 | 400 | 403;
  readonly headers: Readonly<Record<string, string>>;
}

const HOST = /^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?(?::\d{1,5})?$/;

/**
 * Answers OPTIONS of a CloudEvents webhook: `WebHook-Request-Origin` is allowed when it is a plain host
 * name and, with a list given, on that list.
 * @param allowedOrigins host names, any case; undefined allows each sender that authenticates later.
 */
export function answerWebhookHandshake(
  headers: RequestHeaders,
  allowedOrigins?: readonly string[],
): HandshakeAnswer {
  const origin = headers['webhook-request-origin'];
  if (typeof origin !== 'string' || !HOST.test(origin)) return { status: 400, headers: { allow: 'POST' } };
  const allowed = allowedOrigins?.map((name) => name.toLowerCase());
  if (allowed && !allowed.includes(origin.toLowerCase())) return { status: 403, headers: { allow: 'POST' } };
  const asked = headers['webhook-request-rate'];
  const rate = typeof asked === 'string' && /^\d{1,9}$/.test(asked) ? asked : '*';
  return {
    status: 200,
    headers: { allow: 'POST', 'webhook-allowed-origin': origin, 'webhook-allowed-rate': rate },
  };
}
