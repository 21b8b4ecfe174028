/**
 * The worker's part of the catalogue of errors. Each code is stable, has one cause and one cure, and stands in
 * docs/errors.md; areas with codes of their own have a table of this shape beside them (test/support/error-areas.ts
 * lists all). `status` is the HTTP status when the error leaves through HTTP (RFC 9457 problem+json).
 */
export interface ErrorEntry {
  readonly status?: number;
  readonly cause: string;
  readonly cure: string;
}

export const ERRORS = {
  RTV_CONFIG_INVALID: {
    cause: 'One or more settings are missing or malformed.',
    cure: 'The message lists every bad setting; compare with .env.example.',
  },
  RTV_PORT_IN_USE: {
    cause: 'A port this process must listen on is taken.',
    cure: 'End the other process or set PORT / APP_PORT to a free one.',
  },
  RTV_REQUEST_MALFORMED: {
    status: 400,
    cause: 'The request body is not the JSON that the endpoint expects.',
    cure: 'Send a JSON array of Event Grid events or CloudEvents; see docs/api.md.',
  },
  RTV_REQUEST_TOO_LARGE: {
    status: 413,
    cause: 'The request body is larger than the limit.',
    cure: 'Send fewer events in one request; the limit is 1 MiB.',
  },
  RTV_NOT_FOUND: {
    status: 404,
    cause: 'There is nothing at this address.',
    cure: 'docs/api.md lists the addresses.',
  },
  RTV_UNAUTHORIZED: {
    status: 401,
    cause: 'The request carries no valid credential for this endpoint.',
    cure: 'Check the token or shared secret that the sender was given.',
  },
  RTV_CALL_TOKEN_INVALID: {
    status: 403,
    cause: 'The per-call token in the URL was not made by this deployment, or does not fit the call.',
    cure: 'Only ACS, with the URL given at answer time, may use it. Check RTVOICE_URL_SECRET on all workers.',
  },
  RTV_CALL_UNKNOWN: {
    status: 404,
    cause: 'No session exists for this call connection id.',
    cure: 'The call ended long ago, or was never answered by this deployment.',
  },
  RTV_CALL_ENDED: {
    status: 409,
    cause: 'The call has ended; its record is closed.',
    cure: 'Nothing to do: terminal states are final.',
  },
  RTV_SUBJECT_ERASED: {
    status: 410,
    cause: 'The caller was erased since this call began: nothing of it is recorded any more.',
    cure: 'Nothing to do: the call goes on without a record. A later call of the same caller begins anew.',
  },
  RTV_CALL_ANSWERING: {
    status: 503,
    cause: 'Another worker is answering this very call at the moment.',
    cure: 'Event Grid delivers the event again; nothing to do.',
  },
  RTV_FENCED_OWNER: {
    status: 409,
    cause: 'A newer activation owns the call: this one is stale and dropped its state.',
    cure: 'Send the request again: it reaches the current owner.',
  },
  RTV_FENCED_MEDIA: {
    status: 409,
    cause: 'A newer media worker is attached to the call: this media epoch is over.',
    cure: 'The old media worker closes its socket by itself; nothing to do.',
  },
  RTV_TURN_GAP: {
    status: 409,
    cause: 'A turn number arrived before its predecessor.',
    cure: 'The media worker sends again from the expected number, which the answer holds.',
  },
  RTV_TURN_INVALID: {
    status: 400,
    cause: 'A turn lacks a field or is over its limits.',
    cure: 'See the Turn type: role, text up to 32 KiB, turn number from 1.',
  },
  RTV_BACKLOG_FULL: {
    status: 503,
    cause: 'Redis is away and the bound of turns held in memory is reached.',
    cure: 'Bring Redis back; new calls are shed first. See docs/runbooks/redis.md.',
  },
  RTV_ACTOR_DEADLINE: {
    status: 504,
    cause: 'The actor did not answer within the deadline.',
    cure: 'The caller repeats with the same ids. Check sidecar and placement when it persists.',
  },
  RTV_ACTOR_UNREACHABLE: {
    status: 503,
    cause: 'The own sidecar or the host of the actor cannot be reached.',
    cure: 'Check daprd and placement; calls go on and turns wait in memory meanwhile.',
  },
  RTV_ACTOR_FAILED: {
    status: 500,
    cause: 'An actor method threw an unexpected error.',
    cure: 'See the log entry with the same correlation id.',
  },
  RTV_REDIS_UNAVAILABLE: {
    status: 503,
    cause: 'Redis cannot be reached or does not answer in time.',
    cure: 'Live calls go on in memory. See docs/runbooks/redis.md.',
  },
  RTV_REDIS_REFUSED: {
    status: 503,
    cause: 'Redis answered with an error (OOM, READONLY, LOADING, NOAUTH, WRONGTYPE …).',
    cure: 'The first word of the reply stands in the message; docs/runbooks/redis.md says what each one asks for.',
  },
  RTV_RECORD_UNREADABLE: {
    cause: 'A stored value is corrupt, of a newer version, or sealed with a key this worker has not.',
    cure: 'It was set aside under …:aside and rebuilt from the journal; find out who wrote it.',
  },
  RTV_RECORD_CONFLICT: {
    cause: 'Cosmos DB holds another turn under the number of this one: Redis had lost state.',
    cure: 'The turn gets the next free number by itself. Find out why Redis lost writes: docs/runbooks/redis.md.',
  },
  RTV_RECORD_SET_ASIDE: {
    cause:
      'Cosmos DB refuses a document of a transcript for good. It is kept whole in the container `aside`.',
    cure: 'Its log entry says why. Mend the cause, then `npx rtvoice transcripts aside SESSION --restore`: docs/runbooks/cosmos.md.',
  },
  RTV_SEAL_KEY_INVALID: {
    cause: 'RTVOICE_DATA_KEY is not 32 bytes in base64.',
    cure: 'Make one: openssl rand -base64 32.',
  },
  RTV_SEAL_BROKEN: {
    cause: 'A sealed value fails authentication: altered, or sealed for another record.',
    cure: 'Treat as tampering until explained; the value is set aside, never used.',
  },
  RTV_COSMOS_UNAVAILABLE: {
    status: 503,
    cause: 'Cosmos DB cannot be reached or throttles.',
    cure: 'Turns stay in the journal and are archived when it returns. See docs/runbooks/cosmos.md.',
  },
  RTV_SPEECH_FAILED: {
    cause: 'Speech synthesis failed or was too slow.',
    cure: 'The caller hears a cached phrase; check the speech adapter.',
  },
  RTV_AGENT_FAILED: {
    cause: 'The responder failed or was too slow.',
    cure: 'The caller hears the fallback phrase; check the agent adapter.',
  },
  RTV_REPLY_LATE: {
    cause: 'Nothing of a reply could be heard within REPLY_FALLBACK_MS of the words that it answers.',
    cure: 'The caller heard the fallback phrase. rtvoice_turn_step_ms says whether agent or speech was slow.',
  },
  RTV_WORKER_DRAINING: {
    status: 503,
    cause: 'This worker is draining and takes no new call.',
    cure: 'The sender tries again and reaches another worker.',
  },
  RTV_WORKER_OTHER: {
    status: 409,
    cause: 'The request names a worker, and reached another one.',
    cure: 'Send it to the worker itself, not through the ingress.',
  },
  RTV_WORKER_FULL: {
    status: 503,
    cause: 'This worker is at its limit of calls, event-loop delay, memory or turns that wait for Redis.',
    cure: 'Add workers, or raise the MAX_… limit; the backlog needs Redis back (docs/runbooks/redis.md).',
  },
  RTV_OPERATIONS_FULL: {
    status: 429,
    cause: 'Too many operations of this call are under way.',
    cure: 'Wait for outcomes (GET /api/calls/{id}/operations), then ask again.',
  },
  RTV_OPERATION_UNKNOWN: {
    status: 404,
    cause: 'There is no call-control operation of this name or id.',
    cure: 'See docs/api.md for the operations; outcomes are kept for the last 32 of a call.',
  },
  RTV_OPERATION_INVALID: {
    status: 400,
    cause: 'The arguments of a call-control operation are not what it takes.',
    cure: 'The detail names the fields; see docs/api.md.',
  },
  RTV_IDEMPOTENCY_KEY_INVALID: {
    status: 400,
    cause: 'The Idempotency-Key header is not 1 to 128 letters, digits or . _ ~ -',
    cure: 'Send a UUID of your own for each thing that should happen once.',
  },
  RTV_ACS_AUTH_OFF: {
    cause:
      'Tokens of ACS are not checked: the secret in the URLs of callbacks and sockets is the only guard.',
    cure: 'Set ACS_RESOURCE_ID to the immutable id of the ACS resource. Production refuses to start without.',
  },
  RTV_EVENT_GRID_OPEN: {
    cause: 'Anyone may post incoming calls: no secret and no Entra ID is set for Event Grid.',
    cure: 'Set EVENT_GRID_SECRET, and the same value as a delivery property of the event subscription.',
  },
  RTV_TRANSCRIPT_UNKNOWN: {
    status: 404,
    cause: 'The archive holds no transcript of this session.',
    cure: 'Check the session id (the call connection id). A call is archived turn by turn while it lasts.',
  },
  RTV_TRANSCRIPT_INCOMPLETE: {
    cause: 'A closed transcript does not fit its summary: a gap, another count, another hash.',
    cure: 'The state stands in the log entry, the call summary and the analytics. Treat a hash that differs as tampering.',
  },
  RTV_FORBIDDEN: {
    status: 403,
    cause: 'The token is genuine, and its role may not have this.',
    cure: 'Words of a transcript need the admin role (API_TOKEN).',
  },
  RTV_SEARCH_INVALID: {
    status: 400,
    cause: 'A parameter of the search is malformed, or the continuation belongs to another search.',
    cure: 'from and to are days or ISO times at most a year apart; see docs/api.md.',
  },
  RTV_AUDIT_UNAVAILABLE: {
    status: 503,
    cause: 'The audit log cannot be written, so no recorded data is handed out.',
    cure: 'Bring Cosmos DB back; docs/runbooks/cosmos.md.',
  },
  RTV_AUDIT_TAMPERED: {
    cause: 'The head of the audit log was not made by this deployment, or went back.',
    cure: 'Nothing is written behind it. Run rtvoice audit verify and treat it as a security incident.',
  },
  RTV_INTERNAL: { status: 500, cause: 'An unexpected error.', cure: 'See the log with the correlation id.' },
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;

/** The entry of a code, with its optional fields in view. */
export const errorEntry = (code: ErrorCode): ErrorEntry => ERRORS[code];

/** An error out of the catalogue. `detail` never holds personal data. */
export class RtvoiceError extends Error {
  readonly code: ErrorCode;
  readonly detail: string | undefined;

  constructor(code: ErrorCode, detail?: string, options?: { cause?: unknown }) {
    super(detail ? `${code}: ${detail}` : `${code}: ${ERRORS[code].cause}`, options);
    this.name = 'RtvoiceError';
    this.code = code;
    this.detail = detail;
  }
}

/** The code of any thrown value; RTV_INTERNAL for what is not ours. */
export const codeOf = (thrown: unknown): ErrorCode =>
  thrown instanceof RtvoiceError ? thrown.code : 'RTV_INTERNAL';

/** Short text of any thrown value for a log line; never a stack with arguments. */
export const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);
