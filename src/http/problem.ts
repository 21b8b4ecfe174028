/** Errors as RFC 9457 problem+json. The code is stable; nothing internal and no personal data goes out. */
import type { Response } from 'express';
import { type ErrorCode, errorEntry } from '../errors.js';

export function problemBody(code: ErrorCode, detail?: string): { status: number; body: string } {
  const entry = errorEntry(code);
  const status = entry.status ?? 500;
  const body = {
    type: `https://rtvoice.dev/errors#${code.toLowerCase()}`,
    title: entry.cause,
    status,
    code,
    ...(detail ? { detail } : {}),
    cure: entry.cure,
  };
  return { status, body: JSON.stringify(body) };
}

export function sendProblem(response: Response, code: ErrorCode, detail?: string): void {
  const { status, body } = problemBody(code, detail);
  if (status === 503) response.setHeader('retry-after', '2');
  response.status(status).type('application/problem+json').send(body);
}
