/** Errors as RFC 9457 problem+json. The code is stable; nothing internal and no personal data goes out. */
import type { Response } from 'express';
import type { AcsErrorCode, AuthCode } from '../acs/codes.js';
import { ACS_ERRORS, AUTH_ERRORS } from '../acs/errors.js';
import { type ErrorCode, type ErrorEntry, errorEntry } from '../errors.js';

export type ProblemCode = ErrorCode | AuthCode | AcsErrorCode;

/** What a client of ours is told when ACS did not do what it asked for. */
const ACS_STATUS: Readonly<Record<AcsErrorCode, number>> = {
  RTV_ACS_BAD_ARGUMENT: 400,
  RTV_ACS_SETUP: 500,
  RTV_ACS_NOT_ESTABLISHED: 409,
  RTV_ACS_CALL_ENDED: 409,
  RTV_ACS_CALL_NOT_FOUND: 404,
  RTV_ACS_CONFLICT: 409,
  RTV_ACS_MEDIA_INCOMPATIBLE: 412,
  RTV_ACS_REFUSED: 422,
  RTV_ACS_UNAUTHORIZED: 502,
  RTV_ACS_NOT_FOUND: 404,
  RTV_ACS_THROTTLED: 503,
  RTV_ACS_BUSY: 503,
  RTV_ACS_SERVER_ERROR: 502,
  RTV_ACS_UNREACHABLE: 503,
  RTV_ACS_CONNECTION_LOST: 502,
  RTV_ACS_TIMED_OUT: 504,
  RTV_ACS_ABORTED: 503,
  RTV_ACS_UNEXPECTED_RESPONSE: 502,
};

const isAcs = (code: string): code is AcsErrorCode => Object.hasOwn(ACS_ERRORS, code);
const isAuth = (code: string): code is AuthCode => Object.hasOwn(AUTH_ERRORS, code);

export function entryOf(code: ProblemCode): ErrorEntry {
  if (isAcs(code)) return { ...ACS_ERRORS[code], status: ACS_STATUS[code] };
  return isAuth(code) ? AUTH_ERRORS[code] : errorEntry(code);
}

export function problemBody(code: ProblemCode, detail?: string): { status: number; body: string } {
  const entry = entryOf(code);
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

export function sendProblem(response: Response, code: ProblemCode, detail?: string): void {
  const { status, body } = problemBody(code, detail);
  if (status === 401) response.setHeader('www-authenticate', 'Bearer');
  if (status === 503) response.setHeader('retry-after', '2');
  response.status(status).type('application/problem+json').send(body);
}
