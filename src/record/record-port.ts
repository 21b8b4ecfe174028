/** Why nothing came of an operation on a record container. No adapter throws. */
export type RecordFailure =
  | { readonly kind: 'throttled'; readonly retryAfterMs?: number }
  /** The store refuses this request for good (400, 413). */
  | { readonly kind: 'refused'; readonly code: string }
  /** No clear answer: it may have been carried out. */
  | { readonly kind: 'unknown'; readonly code: string };

/** A record: JSON with an `id`; its container's partition key is one of its fields. */
export type RecordItem = { readonly id: string } & Readonly<Record<string, unknown>>;

export type CreateRecord = { readonly kind: 'created' } | { readonly kind: 'exists' } | RecordFailure;
export type ReadRecord =
  | { readonly kind: 'found'; readonly item: RecordItem; readonly etag: string }
  | { readonly kind: 'absent' }
  | RecordFailure;
/** `changed`: another ETag, or gone. */
export type ReplaceRecord = { readonly kind: 'replaced' } | { readonly kind: 'changed' } | RecordFailure;
export type UpsertRecord = { readonly kind: 'written' } | RecordFailure;
/** `conflict`: an id exists or an ETag is another; nothing was written. */
export type BatchRecords = { readonly kind: 'done' } | { readonly kind: 'conflict' } | RecordFailure;
export type QueryRecords =
  | { readonly kind: 'page'; readonly items: readonly RecordItem[]; readonly continuation?: string }
  | RecordFailure;

export type BatchOperation =
  | { readonly kind: 'create'; readonly item: RecordItem }
  | { readonly kind: 'replace'; readonly item: RecordItem; readonly etag: string };

export interface RecordQuery {
  /** Names the partition key in its WHERE clause, besides the `partition` argument. */
  readonly text: string;
  readonly parameters: Readonly<Record<string, string | number | boolean>>;
  /** Most items of a page. */
  readonly limit?: number;
  readonly continuation?: string;
}

/** One container of permanent records. Every operation names its partition. */
export interface RecordContainer {
  create(partition: string, item: RecordItem): Promise<CreateRecord>;
  read(partition: string, id: string): Promise<ReadRecord>;
  replace(partition: string, item: RecordItem, etag: string): Promise<ReplaceRecord>;
  upsert(partition: string, item: RecordItem): Promise<UpsertRecord>;
  /** At most 100 operations and 2 MB, all or nothing. */
  batch(partition: string, operations: readonly BatchOperation[]): Promise<BatchRecords>;
  query(partition: string, query: RecordQuery): Promise<QueryRecords>;
}

/** Why a record operation that was repeated still failed. */
export class RecordError extends Error {
  readonly code: string;

  constructor(what: string, code: string) {
    super(`${what}: ${code}`);
    this.name = 'RecordError';
    this.code = code;
  }
}

/** Short name of a failure for errors and metrics. */
export function failureCode(failure: RecordFailure): string {
  return failure.kind === 'throttled' ? 'throttled' : failure.code;
}

/**
 * All items of a query, page by page.
 * @throws RecordError when a page cannot be read
 */
export async function* allOf(
  container: RecordContainer,
  partition: string,
  query: RecordQuery,
): AsyncGenerator<RecordItem> {
  let continuation: string | undefined;
  do {
    const page = await container.query(partition, {
      ...query,
      ...(continuation === undefined ? {} : { continuation }),
    });
    if (page.kind !== 'page') throw new RecordError('a page of records cannot be read', failureCode(page));
    yield* page.items;
    continuation = page.continuation;
  } while (continuation !== undefined);
}
