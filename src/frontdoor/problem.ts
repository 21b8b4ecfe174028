import { STATUS_CODES } from 'node:http';

export type FrontDoorCode =
  | 'RTV_FRONTDOOR_NO_WORKER'
  | 'RTV_FRONTDOOR_WORKER_LOST'
  | 'RTV_FRONTDOOR_WORKER_SLOW';

const DETAILS: Readonly<Record<FrontDoorCode, { status: number; detail: string }>> = {
  RTV_FRONTDOOR_NO_WORKER: { status: 503, detail: 'No worker is ready.' },
  RTV_FRONTDOOR_WORKER_LOST: { status: 502, detail: 'The worker went away before it answered.' },
  RTV_FRONTDOOR_WORKER_SLOW: { status: 504, detail: 'The worker did not answer in time.' },
};

/** An answer of the front door itself, as application/problem+json (RFC 9457). */
export function problem(code: FrontDoorCode): {
  status: number;
  headers: Record<string, string>;
  body: string;
} {
  const { status, detail } = DETAILS[code];
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
