/**
 * The record over HTTP: GET /api/transcripts/:sessionId, /api/subjects/:id/sessions, /api/search; and /api/latencies,
 * where the time of this worker's last turns went. Two roles by bearer
 * token: `reader` (READ_TOKEN) finds calls and sees a transcript's course without its words, `admin` (API_TOKEN) sees
 * the words. Nothing is handed out before the audit log has taken the access.
 */
import { randomUUID } from 'node:crypto';
import type { Express, Request, Response } from 'express';
import { isOneOf } from '../acs/auth/secret.js';
import { AUTH_CODES } from '../acs/codes.js';
import type { ErrorCode } from '../errors.js';
import type { RecordReader } from '../record/reader.js';
import { RecordError } from '../record/record-port.js';
import { searchOf } from '../record/search-request.js';
import { formatted, isTranscriptFormat } from '../record/transcript-formats.js';
import type { SecurityEvents } from './authenticate.js';
import { sendProblem } from './problem.js';

export type ReadRole = 'reader' | 'admin';

/** One access to recorded data, as the audit log gets it. */
export interface Access {
  readonly action: 'transcript.read' | 'subject.sessions' | 'calls.searched';
  readonly actor: ReadRole;
  readonly correlationId: string;
  readonly sessionId?: string;
  readonly subjectHash?: string;
  readonly detail: Readonly<Record<string, string | number | boolean>>;
}

export interface ReadingApiParts {
  readonly reader: RecordReader;
  /** READ_TOKEN; without it there is no such role. */
  readonly readToken: string | undefined;
  /** API_TOKEN; without it there is no such role. */
  readonly adminToken: string | undefined;
  /** false: it could not be recorded. */
  audit(access: Access): Promise<boolean>;
  readonly security: SecurityEvents;
  /** Latencies of this worker's last turns, newest first. */
  readonly turns?: { newest(limit: number, callId?: string): readonly object[] } | undefined;
}

const ID = /^[A-Za-z0-9._~-]{1,256}$/;
const CORRELATION = /^[A-Za-z0-9._-]{1,128}$/;
const TYPES = { json: 'application/json', text: 'text/plain; charset=utf-8', vtt: 'text/vtt; charset=utf-8' };

interface Asked {
  readonly role: ReadRole;
  readonly correlationId: string;
}

/** Mounts the routes; none where no token is set. Mount it before anything that takes all of /api. */
export function readingApi(app: Express, parts: ReadingApiParts): void {
  const { reader, readToken, adminToken, security } = parts;
  if (!readToken && !adminToken) return;

  const roleOf = (request: Request): ReadRole | undefined => {
    const given = /^Bearer +(\S{1,1024}) *$/i.exec(request.headers.authorization ?? '')?.[1];
    if (given === undefined) return undefined;
    if (adminToken && isOneOf(given, [adminToken])) return 'admin';
    return readToken && isOneOf(given, [readToken]) ? 'reader' : undefined;
  };
  const refuse = (response: Response, code: ErrorCode, correlationId: string): void => {
    security.record({ code, door: 'api', correlationId });
    sendProblem(response, code);
  };
  const route = (
    path: string,
    handle: (request: Request, response: Response, asked: Asked) => Promise<void>,
  ): void => {
    app.get(path, async (request, response) => {
      const named = request.headers['x-correlation-id'];
      const correlationId = typeof named === 'string' && CORRELATION.test(named) ? named : randomUUID();
      response.setHeader('x-correlation-id', correlationId);
      response.setHeader('cache-control', 'no-store');
      const role = roleOf(request);
      if (!role) {
        const missing = request.headers.authorization === undefined;
        security.record({
          code: missing ? AUTH_CODES.missing : 'RTV_UNAUTHORIZED',
          door: 'api',
          correlationId,
        });
        return sendProblem(response, missing ? AUTH_CODES.missing : 'RTV_UNAUTHORIZED');
      }
      try {
        await handle(request, response, { role, correlationId });
      } catch (thrown) {
        if (!(thrown instanceof RecordError)) throw thrown;
        const invalid = thrown.code === 'search_invalid';
        sendProblem(response, invalid ? 'RTV_SEARCH_INVALID' : 'RTV_COSMOS_UNAVAILABLE', thrown.code);
      }
    });
  };
  const audited = async (response: Response, access: Access): Promise<boolean> => {
    if (await parts.audit(access)) return true;
    sendProblem(response, 'RTV_AUDIT_UNAVAILABLE');
    return false;
  };

  route('/api/transcripts/:sessionId', async (request, response, { role, correlationId }) => {
    const sessionId = String(request.params.sessionId);
    const format = textOf(request, 'format') ?? 'json';
    if (!ID.test(sessionId)) return sendProblem(response, 'RTV_TRANSCRIPT_UNKNOWN');
    if (!isTranscriptFormat(format)) return sendProblem(response, 'RTV_SEARCH_INVALID', 'format');
    // Text and captions are the words.
    if (role !== 'admin' && format !== 'json') return refuse(response, 'RTV_FORBIDDEN', correlationId);
    const words = role === 'admin';
    const transcript = await reader.transcript(sessionId, { words });
    const detail = { format, words, found: transcript !== undefined, turns: transcript?.turns.length ?? 0 };
    const access: Access = { action: 'transcript.read', actor: role, correlationId, sessionId, detail };
    if (!(await audited(response, access))) return;
    if (!transcript) return sendProblem(response, 'RTV_TRANSCRIPT_UNKNOWN');
    response.type(TYPES[format]).send(formatted({ ...transcript, words }, format));
  });

  route('/api/subjects/:id/sessions', async (request, response, { role, correlationId }) => {
    const subjectHash = String(request.params.id);
    if (!ID.test(subjectHash)) return sendProblem(response, 'RTV_NOT_FOUND');
    const limit = Number(textOf(request, 'limit') ?? 20);
    if (!Number.isInteger(limit) || limit < 1) return sendProblem(response, 'RTV_SEARCH_INVALID', 'limit');
    const page = await reader.sessions(subjectHash, { limit, continuation: textOf(request, 'continuation') });
    const detail = { found: page !== undefined, sessions: page?.sessions.length ?? 0 };
    const access: Access = { action: 'subject.sessions', actor: role, correlationId, subjectHash, detail };
    if (!(await audited(response, access))) return;
    if (page) response.json(page);
    else sendProblem(response, 'RTV_NOT_FOUND');
  });

  // Ids and figures of the moment: nothing that is recorded, so nothing for the audit log.
  route('/api/latencies', async (request, response) => {
    const limit = Number(textOf(request, 'limit') ?? 100);
    if (!Number.isInteger(limit) || limit < 1) return sendProblem(response, 'RTV_SEARCH_INVALID', 'limit');
    response.json({ turns: parts.turns?.newest(limit, textOf(request, 'call')) ?? [] });
  });

  route('/api/search', async (request, response, { role, correlationId }) => {
    const search = searchOf((name) => textOf(request, name), Date.now());
    const page = await reader.search(search);
    const { fromDay, toDay, agent, outcome, transcript } = search;
    const detail = {
      ...{ fromDay, toDay, calls: page.calls.length },
      ...(agent === undefined ? {} : { agent }),
      ...(outcome === undefined ? {} : { outcome }),
      ...(transcript === undefined ? {} : { transcript }),
    };
    if (!(await audited(response, { action: 'calls.searched', actor: role, correlationId, detail }))) return;
    response.json(page);
  });
}

/** A query parameter given once. */
function textOf(request: Request, name: string): string | undefined {
  const value = request.query[name];
  return typeof value === 'string' && value !== '' ? value.slice(0, 4_096) : undefined;
}
