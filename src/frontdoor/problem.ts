import { STATUS_CODES } from 'node:http';
import { FRONT_DOOR_ANSWERS, type FrontDoorCode } from './errors.js';

export type { FrontDoorCode };

/** An answer of the front door itself, as application/problem+json (RFC 9457). */
export function problem(code: FrontDoorCode): {
  status: number;
  headers: Record<string, string>;
  body: string;
} {
  const { status, cause: detail } = FRONT_DOOR_ANSWERS[code];
  const body = JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status, detail, code });
  return {
    status,
    headers: {
      'Content-Type': 'application/problem+json',
      'Content-Length': String(Buffer.byteLength(body)),
      ...(status === 503 ? { 'Retry-After': '1' } : {}),
    },
    body,
  };
}
