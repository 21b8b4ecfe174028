/**
 * The public doors: who may post calls and callbacks and open sockets. Each refusal is a security event; it holds
 * neither token nor claims. A refused stranger learns a code, and nothing about the call.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { EventGridVerifier } from '../acs/auth/event-grid.js';
import type { AcsVerifier } from '../acs/auth/jwt.js';
import type { AuthResult } from '../acs/auth/token.js';
import { AUTH_CODES, type AuthCode } from '../acs/codes.js';
import type { ErrorCode } from '../errors.js';

export type Door = 'incoming' | 'callback' | 'media' | 'transcription' | 'api';

export interface SecurityEvent {
  readonly code: ErrorCode | AuthCode;
  readonly door: Door;
  readonly correlationId?: string;
}

/** Where refusals are told. Never throws. */
export interface SecurityEvents {
  record(event: SecurityEvent): void;
}

export type Passage = { readonly ok: true } | { readonly ok: false; readonly code: ErrorCode | AuthCode };

export interface DoorParts {
  readonly acs: AcsVerifier;
  readonly eventGrid: EventGridVerifier;
  /** The correlation id of a call token; undefined: not ours. */
  readToken(token: unknown): string | undefined;
  /** Whether the call connection is that of the correlation id. */
  fits(correlationId: string, callConnectionId: string): Promise<boolean>;
  readonly security: SecurityEvents;
}

export interface Doors {
  incoming(headers: IncomingHttpHeaders, query: URLSearchParams): Promise<Passage>;
  /** The correlation id of a callback or socket URL; undefined: refused. */
  token(door: Door, token: unknown): string | undefined;
  callback(headers: IncomingHttpHeaders, body: Uint8Array, correlationId: string): Promise<Passage>;
  upgrade(
    door: 'media' | 'transcription',
    headers: IncomingHttpHeaders,
    correlationId: string,
  ): Promise<Passage>;
  /** Whether a fact of a callback is about the call of its URL. */
  fits(correlationId: string, callConnectionId: string): Promise<boolean>;
}

export const CALL_CONNECTION_HEADER = 'x-ms-call-connection-id';
const SAFE_ID = /^[\x21-\x7e]{1,256}$/;

export function createDoors(parts: DoorParts): Doors {
  const { acs, eventGrid, security } = parts;
  const judged = (result: AuthResult, door: Door, correlationId?: string): Passage => {
    if (result.ok) return result;
    security.record({ code: result.code, door, ...(correlationId ? { correlationId } : {}) });
    return result;
  };
  const refuse = (code: ErrorCode | AuthCode, door: Door, correlationId?: string): Passage => {
    security.record({ code, door, ...(correlationId ? { correlationId } : {}) });
    return { ok: false, code };
  };
  const fits = async (door: Door, correlationId: string, callConnectionId: string): Promise<Passage> =>
    (await parts.fits(correlationId, callConnectionId))
      ? { ok: true }
      : refuse('RTV_CALL_TOKEN_INVALID', door, correlationId);

  return {
    incoming: async (headers, query) => judged(await eventGrid.verify(headers, query), 'incoming'),
    token(door, token) {
      const correlationId = parts.readToken(token);
      if (!correlationId) security.record({ code: 'RTV_CALL_TOKEN_INVALID', door });
      return correlationId;
    },
    async callback(headers, body, correlationId) {
      const result = await acs.callback({ authorization: headers.authorization, body });
      if (!result.ok) return judged(result, 'callback', correlationId);
      const named = headers[CALL_CONNECTION_HEADER];
      // Callbacks need not carry it; one that does must be right.
      if (named === undefined) return { ok: true };
      if (typeof named !== 'string' || !SAFE_ID.test(named)) {
        return refuse(AUTH_CODES.malformed, 'callback', correlationId);
      }
      return fits('callback', correlationId, named);
    },
    async upgrade(door, headers, correlationId) {
      const callConnectionId = headers[CALL_CONNECTION_HEADER];
      const result = await acs.upgrade({ authorization: headers.authorization, callConnectionId });
      if (!result.ok) return judged(result, door, correlationId);
      if (typeof callConnectionId !== 'string' || !SAFE_ID.test(callConnectionId)) {
        return refuse(AUTH_CODES.malformed, door, correlationId);
      }
      return fits(door, correlationId, callConnectionId);
    },
    async fits(correlationId, callConnectionId) {
      return (await fits('callback', correlationId, callConnectionId)).ok;
    },
  };
}
