import type { IncomingHttpHeaders } from 'node:http';
import { type Collection, operations, patches } from './package.js';
import { namesPartitionKey, type QueryRequest, runQuery } from './query.js';
import type { Container, Store } from './store.js';

/** An answer before it is sent. */
export interface Answer {
  status: number;
  body?: unknown;
  headers?: Record<string, string>;
}

const NOT_FOUND: Answer = { status: 404, body: { code: 'NotFound', message: 'Resource Not Found.' } };
const badRequest = (message: string): Answer => ({ status: 400, body: { code: 'BadRequest', message } });
/** Operations that the real service takes in one batch. */
const BATCH_LIMIT = 100;

/** A header that may come once or more often. */
export function header(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

const isTrue = (headers: IncomingHttpHeaders, name: string): boolean =>
  header(headers, name)?.toLowerCase() === 'true';

function parsed(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** JSON in the characters that a header may have. */
function headerJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** GET of one document, by its id and the partition key of the header. */
export function readDocument(
  container: Container | undefined,
  id: string,
  headers: IncomingHttpHeaders,
): Answer {
  if (container === undefined) return NOT_FOUND;
  const key = parsed(header(headers, 'x-ms-documentdb-partitionkey'));
  if (!Array.isArray(key) || key.length === 0) return badRequest('the partition key header is missing');
  const { items } = container.documents;
  const document = items._item('/id', id, key[0]).read();
  const found = document !== undefined && document.id === id && items._getPartition(document) === key[0];
  return found ? { status: 200, body: document } : NOT_FOUND;
}

/** POST of a query over the documents of a container. */
export function queryDocuments(
  container: Container | undefined,
  request: unknown,
  headers: IncomingHttpHeaders,
): Answer {
  if (container === undefined) return NOT_FOUND;
  const query = request as Partial<QueryRequest> | null;
  if (typeof query?.query !== 'string') return badRequest('missing query');
  const limit = Number.parseInt(header(headers, 'x-ms-max-item-count') ?? '', 10);
  const key = header(headers, 'x-ms-documentdb-partitionkey');
  try {
    const crossPartition = isTrue(headers, 'x-ms-documentdb-query-enablecrosspartition');
    if (!crossPartition && key === undefined && !namesPartitionKey(container, query.query)) {
      return badRequest('missing partition keys');
    }
    const page = runQuery(container, query as QueryRequest, {
      partitionKey: parsed(key),
      maxItemCount: limit > 0 ? limit : null,
      continuation: (parsed(header(headers, 'x-ms-continuation')) ?? null) as { token: string } | null,
    });
    const more = page.continuation ? { 'x-ms-continuation': headerJson(page.continuation) } : {};
    return {
      status: 200,
      body: { Documents: page.result, _count: page.result.length },
      headers: { ...more, 'x-ms-item-count': String(page.result.length) },
    };
  } catch (error) {
    return badRequest(error instanceof Error ? error.message : String(error));
  }
}

interface BatchResult {
  statusCode: number;
  requestCharge: number;
  eTag?: string;
  resourceBody?: unknown;
}

/** POST of a batch: atomic (all or nothing, as the service's transactional batch) or bulk. */
export function batchDocuments(
  store: Store,
  container: Container | undefined,
  request: unknown,
  headers: IncomingHttpHeaders,
): Answer {
  if (container === undefined) return NOT_FOUND;
  if (!Array.isArray(request)) return badRequest('a batch is an array of operations');
  if (request.length > BATCH_LIMIT) return badRequest(`a batch holds at most ${BATCH_LIMIT} operations`);
  const key = header(headers, 'x-ms-documentdb-partitionkey');
  const perform = (input: unknown): BatchResult => outcome(container, input, key);

  if (!isTrue(headers, 'x-ms-cosmos-batch-atomic')) {
    const goOn = isTrue(headers, 'x-ms-cosmos-batch-continue-on-error');
    let failed = false;
    const results = request.map((input): BatchResult => {
      if (failed && !goOn) return { statusCode: 424, requestCharge: 0 };
      const result = perform(input);
      failed ||= result.statusCode >= 400;
      return result;
    });
    return { status: failed ? 207 : 200, body: results };
  }

  const { ok, results } = store.atomically(container, () => {
    const done: BatchResult[] = [];
    for (const input of request) {
      const result = perform(input);
      done.push(result);
      if (result.statusCode >= 400) return { ok: false, results: done };
    }
    return { ok: true, results: done };
  });
  if (ok) return { status: 200, body: results };
  const culprit = results.length - 1;
  const body = request.map((_, index) =>
    index === culprit ? results[culprit] : { statusCode: 424, requestCharge: 0 },
  );
  return { status: 207, body };
}

function outcome(container: Container, input: unknown, key: string | undefined): BatchResult {
  const { statusCode, body } = perform(container, input, key);
  if (statusCode >= 400) return { statusCode, requestCharge: 0 };
  const etag = (body as { _etag?: unknown } | undefined)?._etag;
  return {
    statusCode,
    requestCharge: 1,
    ...(typeof etag === 'string' ? { eTag: etag } : {}),
    ...(body === undefined ? {} : { resourceBody: body }),
  };
}

type Operation = (collection: Collection, input: never) => { statusCode: number; body?: unknown };

const OPERATIONS = new Map<unknown, Operation>([
  ['Create', operations.createOperation],
  ['Upsert', operations.upsertOperation],
  ['Read', operations.readOperation],
  ['Delete', operations.deleteOperation],
  ['Replace', operations.replaceOperation],
  ['Patch', patches.patchOperation],
]);

/** One operation of a batch. A transactional batch carries its partition key in the header only. */
function perform(
  { collection }: Container,
  input: unknown,
  key: string | undefined,
): { statusCode: number; body?: unknown } {
  if (typeof input !== 'object' || input === null) return { statusCode: 400 };
  const { operationType, resourceBody } = input as { operationType?: unknown; resourceBody?: object };
  const operation = OPERATIONS.get(operationType);
  if (operation === undefined) return { statusCode: 400 };
  // A patch names its operations in the body, where the package expects them beside it.
  const patch = operationType === 'Patch' ? resourceBody : {};
  return operation(collection, { partitionKey: key, ...input, ...patch } as never);
}
