import type { Container } from './store.js';

/** The text and parameters of a query request. */
export interface QueryRequest {
  query: string;
  parameters?: { name: string; value: unknown }[];
}

/** A page of results, as the query engine gives it. */
interface Page {
  result: unknown[];
  continuation?: unknown;
}

type Query = ReturnType<Container['documents']['items']['_getQuery']>;
type Node = { [field: string]: unknown };

const prepared = new WeakSet<Query>();

/**
 * The query engine builds its rows by copying an array for each document (5 s for 30,000 of them).
 * The generated code is changed to push to that array, which nothing else holds.
 */
function prepare(query: Query): Query {
  if (prepared.has(query)) return query;
  const code = query.code ?? '';
  query._code = code.replace(/\[\.\.\.\$, (\{[^{}]*\})\] : \$/g, '($.push($1), $) : $');
  prepared.add(query);
  return query;
}

/**
 * Runs a query over a container.
 *
 * @param partitionKey the key of the request's header: an array of one value narrows the query to
 *   that partition, as the real service does; undefined is a query over all partitions.
 * @throws what the engine throws for SQL that it does not know.
 */
export function runQuery(
  container: Container,
  request: QueryRequest,
  options: { partitionKey: unknown; maxItemCount: number | null; continuation: { token: string } | null },
): Page {
  const items = container.documents.items;
  const query = prepare(items._getQuery(request.query));
  const header = options.partitionKey;
  const named =
    Array.isArray(header) && header.length === 1 && isKeyValue(header[0])
      ? { value: header[0] as unknown }
      : keyInWhere(query.ast as Node, items._getPartitionKeyPath(), request.parameters ?? []);
  const documents = named === undefined ? everything(container) : partition(container, named.value);
  const indexing = container.collection.read().indexingPolicy?.compositeIndexes;
  return query.exec(documents, {
    parameters: request.parameters ?? [],
    udf: items._userDefinedFunctions() ?? {},
    maxItemCount: options.maxItemCount,
    continuation: options.continuation,
    compositeIndexes: indexing ?? [],
  } as Parameters<Query['exec']>[1]) as unknown as Page;
}

/** Whether a query names the container's partition key in its WHERE clause. */
export function namesPartitionKey(container: Container, text: string): boolean {
  const paths = container.collection.read().partitionKey?.paths ?? [];
  return paths.length === 0 || container.documents.items._getQuery(text).containsPartitionKeys(paths);
}

function everything(container: Container): { [field: string]: unknown }[] {
  return Array.from(container.documents.items._data.values(), (item) => item.read());
}

function partition(container: Container, value: unknown): { [field: string]: unknown }[] {
  return [...(container.partitions.get(value)?.values() ?? [])];
}

function isKeyValue(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null;
}

/** The value a query demands of the partition key: `c.key = value`, alone or joined by AND. */
function keyInWhere(
  ast: Node,
  path: readonly string[],
  parameters: readonly { name: string; value: unknown }[],
): { value: unknown } | undefined {
  const body = isNode(ast.body) ? ast.body : {};
  const from = isNode(body.from) ? body.from : {};
  const source = isNode(from.source) ? from.source : {};
  const plain = isNode(source.expression) && source.expression.type === 'collection_expression';
  if (!plain || source.iteration || (Array.isArray(from.joins) && from.joins.length > 0)) return undefined;

  const search = (node: unknown): { value: unknown } | undefined => {
    if (!isNode(node) || node.type !== 'scalar_binary_expression') return undefined;
    if (node.operator === 'AND') return search(node.left) ?? search(node.right);
    if (node.operator !== '=') return undefined;
    if (memberPath(node.left) !== path.join('/')) return undefined;
    const right = isNode(node.right) ? node.right : {};
    if (right.type === 'string_constant' || right.type === 'number_constant') return { value: right.value };
    if (right.type !== 'parameter_name') return undefined;
    const parameter = parameters.find(({ name }) => name === right.name);
    return parameter !== undefined && isKeyValue(parameter.value) ? { value: parameter.value } : undefined;
  };
  return search(isNode(body.where) ? body.where.condition : undefined);
}

/** "a/b" for `c.a.b` and `c["a"]["b"]`; undefined for what is no member of the document. */
function memberPath(node: unknown): string | undefined {
  if (!isNode(node) || node.type !== 'scalar_member_expression' || !isNode(node.property)) return undefined;
  const name = node.property.name ?? node.property.value;
  if (typeof name !== 'string') return undefined;
  if (isNode(node.object) && node.object.type === 'identifier') return name;
  const parent = memberPath(node.object);
  return parent === undefined ? undefined : `${parent}/${name}`;
}
