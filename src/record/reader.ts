/**
 * The record as it is read back: a session's transcript, a subject's sessions, calls by time, agent and outcome. Each
 * query stays within one partition. Roles and the audit entry are the caller's affair.
 */
import type { Analytics, CallPage, CallSearch } from './analytics.js';
import type { TranscriptArchive } from './archive-port.js';
import type { AsideStore } from './aside.js';
import { type SummaryDocument, summaryDocumentId, type TurnDocument } from './documents.js';
import type { ProfileStore } from './profiles.js';
import { readTranscript } from './reading.js';
import { RecordError } from './record-port.js';
import type { OpenTranscript } from './transcript-formats.js';

export interface RecordReaderParts {
  readonly archive: TranscriptArchive;
  readonly profiles: ProfileStore;
  readonly aside: Pick<AsideStore, 'of'>;
  readonly analytics: Analytics;
  /** Opens a turn's words. @throws when they cannot be opened any more */
  open(turn: TurnDocument): string | Promise<string>;
}

export interface ReadTranscript extends OpenTranscript {
  /** Turns whose words could not be opened: erased, or of another key. */
  readonly unreadable: number;
}

/** A session of a subject. Times and outcome are there once the call is over. */
export interface SubjectSession {
  readonly sessionId: string;
  readonly endedAt?: string;
  readonly outcome?: string;
  readonly turns?: number;
}

export interface SessionPage {
  /** Newest first; the profile keeps the last 200. */
  readonly sessions: readonly SubjectSession[];
  readonly callCount: number;
  readonly continuation?: string;
}

const MOST_SESSIONS = 50;

export class RecordReader {
  readonly #parts: RecordReaderParts;

  constructor(parts: RecordReaderParts) {
    this.#parts = parts;
  }

  /**
   * @param words false: turns without their words
   * @returns undefined where the archive has none. @throws RecordError
   */
  async transcript(
    sessionId: string,
    { words }: { readonly words: boolean },
  ): Promise<ReadTranscript | undefined> {
    const { archive, aside, open } = this.#parts;
    let unreadable = 0;
    const reveal = async (turn: TurnDocument): Promise<string> => {
      try {
        return words ? await open(turn) : '';
      } catch {
        unreadable++;
        return '';
      }
    };
    const transcript = await readTranscript(archive, sessionId, reveal, aside);
    return transcript && { ...transcript, unreadable };
  }

  /** @param subjectId the keyed hash. @returns undefined for an unknown subject. @throws RecordError */
  async sessions(
    subjectId: string,
    {
      limit = 20,
      continuation,
    }: { readonly limit?: number; readonly continuation?: string | undefined } = {},
  ): Promise<SessionPage | undefined> {
    const profile = await this.#parts.profiles.get(subjectId);
    if (profile === undefined) return undefined;
    const newest = [...profile.sessions].reverse();
    const from = continuation === undefined ? 0 : newest.indexOf(sessionAfter(continuation)) + 1;
    if (continuation !== undefined && from === 0) {
      throw new RecordError('the continuation does not belong to this subject', 'search_invalid');
    }
    const size = Math.min(MOST_SESSIONS, Math.max(1, Math.floor(limit)));
    const ids = newest.slice(from, from + size);
    const sessions = await Promise.all(ids.map((sessionId) => this.#session(sessionId)));
    const last = ids.at(-1);
    const more = last !== undefined && from + size < newest.length;
    return {
      sessions,
      callCount: profile.callCount,
      ...(more ? { continuation: Buffer.from(JSON.stringify({ after: last })).toString('base64url') } : {}),
    };
  }

  /** @throws RecordError, code `search_invalid` for a bad request */
  search(search: CallSearch): Promise<CallPage> {
    return this.#parts.analytics.search(search);
  }

  async #session(sessionId: string): Promise<SubjectSession> {
    const { archive } = this.#parts;
    const closing = await archive.read(sessionId, summaryDocumentId(sessionId));
    if (closing.kind === 'absent') return { sessionId };
    if (closing.kind !== 'found') throw new RecordError('a session cannot be read', codeOf(closing));
    const { endedAt, turns, outcome } = closing.doc as SummaryDocument;
    return { sessionId, endedAt, turns, ...(outcome === undefined ? {} : { outcome }) };
  }
}

function sessionAfter(continuation: string): string {
  try {
    const { after } = JSON.parse(Buffer.from(continuation, 'base64url').toString()) as { after?: unknown };
    return typeof after === 'string' ? after : '';
  } catch {
    return '';
  }
}

function codeOf(failure: { readonly kind: string; readonly code?: string }): string {
  return failure.code ?? failure.kind;
}
