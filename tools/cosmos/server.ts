import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Journal } from './journal.js';
import { type Answer, batchDocuments, header, queryDocuments, readDocument } from './operations.js';
import { type Account, findRoute } from './package.js';
import type { Store } from './store.js';

/** What the stand-in serves once its journal is replayed. */
export interface Served {
  store: Store;
  journal: Journal;
}

type Handler = (
  account: Account,
  req: IncomingMessage,
  res: ServerResponse,
  params: Record<string, string>,
) => unknown;

/** Bytes: a request of the real service may have no more. */
const MAX_BODY = 2 * 1024 * 1024;

/**
 * The HTTP server: the package's own handlers, with queries, batches and point reads in ours.
 * Each answer, of reads too, waits until all writes before it are on disk, so nothing that was ever
 * answered can be gone after a crash. Until `served` gives something, every answer is 503.
 *
 * @param onJournalFailure called once a write to disk failed: memory is then ahead of the disk.
 */
export function createStandIn(
  served: () => Served | undefined,
  onJournalFailure: (error: unknown) => void,
): Server {
  return createServer((req, res) => {
    answer(served(), req, res, onJournalFailure).catch((error: unknown) => {
      console.error(`${req.method} failed: ${error instanceof Error ? error.message : String(error)}`);
      if (!res.headersSent) res.statusCode = 500;
      res.end();
    });
  });
}

async function answer(
  served: Served | undefined,
  req: IncomingMessage,
  res: ServerResponse,
  onJournalFailure: (error: unknown) => void,
): Promise<void> {
  if (served === undefined)
    return send(req, res, { status: 503, body: { message: 'replaying the journal' } });
  if (req.url === '/_standin/health') return send(req, res, { status: 200, body: { status: 'ready' } });
  const result = await handle(served.store, req, res);
  try {
    await served.journal.committed();
  } catch (error) {
    onJournalFailure(error);
    return send(req, res, { status: 500, body: { message: 'the journal cannot be written' } });
  }
  send(req, res, result);
}

async function handle(store: Store, req: IncomingMessage, res: ServerResponse): Promise<Answer> {
  try {
    if (Number(header(req.headers, 'content-length') ?? 0) > MAX_BODY) {
      req.resume();
      return { status: 413, body: { code: 'RequestEntityTooLarge', message: 'Request size is too large' } };
    }
    return (await ownOperation(store, req)) ?? (await packagedOperation(store, req, res));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof SyntaxError) return { status: 400, body: { code: 'BadRequest', message } };
    console.error(`${req.method} failed: ${message}`);
    return { status: 500, body: { message } };
  }
}

/** The operations that the package does too slowly, or not as the service does them. */
async function ownOperation(store: Store, req: IncomingMessage): Promise<Answer | undefined> {
  const { pathname } = new URL((req.url ?? '/').replace(/^\/+/, '/'), 'http://stand-in');
  const [dbs, db, colls, coll, docs, doc, ...rest] = pathname
    .split('/')
    .filter(Boolean)
    .map(decodeURIComponent);
  if (dbs !== 'dbs' || colls !== 'colls' || db === undefined || coll === undefined) return undefined;
  if (docs === 'udfs' && req.method !== 'GET') {
    return { status: 501, body: { message: 'the stand-in keeps no functions' } };
  }
  if (docs !== 'docs' || rest.length > 0) return undefined;
  if (req.method === 'GET' && doc !== undefined) {
    return readDocument(store.container(db, coll), doc, req.headers);
  }
  if (req.method !== 'POST' || doc !== undefined) return undefined;
  const { headers } = req;
  const isQuery =
    header(headers, 'x-ms-documentdb-isquery')?.toLowerCase() === 'true' ||
    header(headers, 'content-type') === 'application/query+json';
  const isBatch = header(headers, 'x-ms-cosmos-is-batch-request')?.toLowerCase() === 'true';
  if (!isQuery && !isBatch) return undefined;
  const body = await readJson(req);
  const container = store.container(db, coll);
  return isQuery ? queryDocuments(container, body, headers) : batchDocuments(store, container, body, headers);
}

async function packagedOperation(store: Store, req: IncomingMessage, res: ServerResponse): Promise<Answer> {
  const route = findRoute(req) as [Record<string, string>, Handler] | undefined;
  if (route === undefined) return { status: 400, body: { message: 'no route' } };
  const [params, handler] = route;
  const body = await handler(store.account, req, res, params);
  return { status: res.statusCode, body };
}

async function readJson(req: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
}

function send(req: IncomingMessage, res: ServerResponse, result: Answer): void {
  const etag = (result.body as { _etag?: unknown } | null | undefined)?._etag;
  let status = result.status;
  if (typeof etag === 'string') res.setHeader('etag', etag);
  // The change feed, as far as the package has one.
  if (req.headers['a-im'] && status === 200) {
    if (req.headers['if-none-match']) status = 304;
    res.setHeader('etag', '1');
  }
  for (const [name, value] of Object.entries(result.headers ?? {})) res.setHeader(name, value);
  res.setHeader('content-type', 'application/json');
  res.setHeader('x-ms-activity-id', randomUUID());
  res.setHeader('x-ms-request-charge', '1');
  res.statusCode = status;
  // Clients of the service expect a body with every error.
  const body = result.body ?? (status >= 400 ? { message: '' } : undefined);
  res.end(body === undefined ? undefined : JSON.stringify(body));
}
