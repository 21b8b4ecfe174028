import { type Dispatcher, Pool } from 'undici';

/**
 * A small client of Dapr's state API. It never throws: each call ends within its deadline with a typed outcome.
 * `failed` is an answer (nothing was written, as far as the component knows), `unknown` is no answer:
 * the write may or may not have happened.
 */
export interface DaprStateOptions {
  /** Sidecar, e.g. http://127.0.0.1:3500. */
  readonly baseUrl: string;
  /** Value of the `dapr-api-token` header (DAPR_API_TOKEN). */
  readonly apiToken?: string;
  /** Deadline of one call in ms unless the call names its own. Default 5000. */
  readonly deadlineMs?: number;
  /** Most connections to the sidecar at a time. Default 64. */
  readonly connections?: number;
}

export interface SaveRequest {
  readonly store: string;
  readonly key: string;
  readonly value: unknown;
  /** Written only if the stored ETag is this one. */
  readonly etag?: string;
  /** With no `etag`: create only, a conflict where the key exists. */
  readonly firstWrite?: boolean;
  readonly ttlSeconds?: number;
  readonly partitionKey?: string;
  readonly deadlineMs?: number;
}

export interface KeyRequest {
  readonly store: string;
  readonly key: string;
  readonly etag?: string;
  readonly partitionKey?: string;
  readonly deadlineMs?: number;
}

export interface StateFailure {
  readonly kind: 'failed';
  /** HTTP status that daprd answered. */
  readonly status: number;
  /** Dapr's errorCode, e.g. ERR_STATE_SAVE. */
  readonly code: string;
  /** HTTP status of the store behind daprd, read from the error text; absent when the text holds none. */
  readonly upstream?: number;
}

export interface StateUnknown {
  readonly kind: 'unknown';
  readonly code: 'timeout' | 'connection' | 'malformed';
  /** Of a value that is there and is no JSON (malformed). */
  readonly etag?: string;
}

export type SaveOutcome =
  | { readonly kind: 'saved' }
  | { readonly kind: 'conflict' }
  | StateFailure
  | StateUnknown;
export type GetOutcome =
  | { readonly kind: 'found'; readonly value: unknown; readonly etag?: string }
  | { readonly kind: 'absent' }
  | StateFailure
  | StateUnknown;
export type DeleteOutcome =
  | { readonly kind: 'deleted' }
  | { readonly kind: 'conflict' }
  | StateFailure
  | StateUnknown;

interface Reply {
  readonly kind: 'reply';
  readonly status: number;
  readonly etag?: string;
  readonly text: string;
}

const DEFAULT_DEADLINE_MS = 5000;
// azcore puts the store's status into the error text as a line of its own: "RESPONSE 429: 429 Too Many Requests".
const UPSTREAM = /RESPONSE (\d{3})/;

export class DaprState {
  readonly baseUrl: string;
  readonly #pool: Pool;
  readonly #headers: Record<string, string>;
  readonly #deadlineMs: number;

  constructor(options: DaprStateOptions) {
    this.baseUrl = options.baseUrl;
    this.#pool = new Pool(new URL(options.baseUrl).origin, { connections: options.connections ?? 64 });
    this.#headers = options.apiToken === undefined ? {} : { 'dapr-api-token': options.apiToken };
    this.#deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS;
  }

  /** Saves one key. Dapr's bulk save is parallel single saves with one common error, so there is none here. */
  async save(request: SaveRequest): Promise<SaveOutcome> {
    const metadata: Record<string, string> = {};
    if (request.partitionKey !== undefined) metadata.partitionKey = request.partitionKey;
    if (request.ttlSeconds !== undefined) metadata.ttlInSeconds = String(request.ttlSeconds);
    const item = {
      key: request.key,
      value: request.value,
      metadata,
      ...(request.etag === undefined ? {} : { etag: request.etag }),
      ...(request.firstWrite || request.etag !== undefined
        ? { options: { concurrency: 'first-write' } }
        : {}),
    };
    const reply = await this.#send(
      'POST',
      `/v1.0/state/${encodeURIComponent(request.store)}`,
      request.deadlineMs,
      JSON.stringify([item]),
    );
    if (reply.kind === 'unknown') return reply;
    if (reply.status >= 200 && reply.status < 300) return { kind: 'saved' };
    return reply.status === 409 ? { kind: 'conflict' } : failureOf(reply);
  }

  /** Reads one key; the value is JSON. */
  async get(request: KeyRequest): Promise<GetOutcome> {
    const reply = await this.#send('GET', keyPath(request), request.deadlineMs);
    if (reply.kind === 'unknown') return reply;
    if (reply.status === 204 || reply.status === 404) return { kind: 'absent' };
    if (reply.status !== 200) return failureOf(reply);
    if (reply.text === '') return { kind: 'absent' };
    const value = parse(reply.text);
    const etag = reply.etag === undefined ? {} : { etag: reply.etag };
    return value === undefined
      ? { kind: 'unknown', code: 'malformed', ...etag }
      : { kind: 'found', value, ...etag };
  }

  /** Deletes one key; a missing key counts as deleted. */
  async delete(request: KeyRequest): Promise<DeleteOutcome> {
    const headers = request.etag === undefined ? {} : { 'if-match': request.etag };
    const reply = await this.#send('DELETE', keyPath(request), request.deadlineMs, undefined, headers);
    if (reply.kind === 'unknown') return reply;
    if (reply.status >= 200 && reply.status < 300) return { kind: 'deleted' };
    return reply.status === 409 ? { kind: 'conflict' } : failureOf(reply);
  }

  /** Closes the connections; calls in flight end as `unknown`. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }

  async #send(
    method: Dispatcher.HttpMethod,
    path: string,
    deadlineMs: number | undefined,
    body?: string,
    headers: Record<string, string> = {},
  ): Promise<Reply | StateUnknown> {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), deadlineMs ?? this.#deadlineMs);
    try {
      const response = await this.#pool.request({
        method,
        path,
        signal: abort.signal,
        headers: { ...this.#headers, ...headers, ...(body === undefined ? {} : JSON_BODY) },
        ...(body === undefined ? {} : { body }),
      });
      const text = await response.body.text();
      const etag = response.headers.etag;
      return {
        kind: 'reply',
        status: response.statusCode,
        text,
        ...(typeof etag === 'string' ? { etag } : {}),
      };
    } catch {
      return { kind: 'unknown', code: abort.signal.aborted ? 'timeout' : 'connection' };
    } finally {
      clearTimeout(timer);
    }
  }
}

const JSON_BODY = { 'content-type': 'application/json' };

function keyPath(request: KeyRequest): string {
  const path = `/v1.0/state/${encodeURIComponent(request.store)}/${encodeURIComponent(request.key)}`;
  return request.partitionKey === undefined
    ? path
    : `${path}?metadata.partitionKey=${encodeURIComponent(request.partitionKey)}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function failureOf(reply: Reply): StateFailure {
  const body = parse(reply.text);
  const fields = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  const message = typeof fields.message === 'string' ? fields.message : reply.text;
  const upstream = UPSTREAM.exec(message)?.[1];
  return {
    kind: 'failed',
    status: reply.status,
    code: typeof fields.errorCode === 'string' ? fields.errorCode : `HTTP_${reply.status}`,
    ...(upstream === undefined ? {} : { upstream: Number(upstream) }),
  };
}
