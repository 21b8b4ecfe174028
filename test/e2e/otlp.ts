/** A receiver of OTLP/HTTP traces, with as much of protobuf as their messages need. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

export interface ReceivedSpan {
  readonly scope: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** '' for a root. */
  readonly parentId: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly startNs: bigint;
  readonly endNs: bigint;
}

export interface TraceReceiver {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly endpoint: string;
  readonly spans: readonly ReceivedSpan[];
  close(): Promise<void>;
}

/** Listens on a free port and keeps all spans that are posted to /v1/traces. */
export async function receiveTraces(): Promise<TraceReceiver> {
  const spans: ReceivedSpan[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts);
      const gzip = request.headers['content-encoding'] === 'gzip';
      if (request.url === '/v1/traces') spans.push(...readRequest(gzip ? gunzipSync(body) : body));
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Values of a message by field number: bytes of messages, texts and ids, and numbers. */
type Fields = Map<number, (Buffer | bigint)[]>;

function readMessage(bytes: Buffer): Fields {
  const fields: Fields = new Map();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at];
      if (byte === undefined) throw new RangeError('a message ends within a number');
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const wire = key & 7;
    let value: Buffer | bigint;
    if (wire === 0) value = varint();
    else {
      const length = wire === 1 ? 8 : wire === 5 ? 4 : wire === 2 ? Number(varint()) : Number.NaN;
      if (!(at + length <= bytes.length)) throw new RangeError('a field does not fit into its message');
      value = bytes.subarray(at, at + length);
      at += length;
    }
    const values = fields.get(key >> 3) ?? [];
    values.push(value);
    fields.set(key >> 3, values);
  }
  return fields;
}

const bytesOf = (fields: Fields, field: number): Buffer[] =>
  (fields.get(field) ?? []).filter((value): value is Buffer => Buffer.isBuffer(value));
const messages = (fields: Fields, field: number): Fields[] => bytesOf(fields, field).map(readMessage);
const text = (fields: Fields, field: number): string => bytesOf(fields, field)[0]?.toString('utf8') ?? '';
const hex = (fields: Fields, field: number): string => bytesOf(fields, field)[0]?.toString('hex') ?? '';
const fixed64 = (fields: Fields, field: number): bigint => bytesOf(fields, field)[0]?.readBigUInt64LE() ?? 0n;

/** ExportTraceServiceRequest → ResourceSpans → ScopeSpans → Span. */
function readRequest(body: Buffer): ReceivedSpan[] {
  return messages(readMessage(body), 1).flatMap((resource) =>
    messages(resource, 2).flatMap((scoped) => {
      const [scope] = messages(scoped, 1);
      return messages(scoped, 2).map((span) => ({
        scope: scope ? text(scope, 1) : '',
        name: text(span, 5),
        traceId: hex(span, 1),
        spanId: hex(span, 2),
        parentId: hex(span, 4),
        attributes: Object.fromEntries(messages(span, 9).map((pair) => [text(pair, 1), attributeOf(pair)])),
        startNs: fixed64(span, 7),
        endNs: fixed64(span, 8),
      }));
    }),
  );
}

/** Text of an attribute's value: strings as they are, booleans and whole numbers in digits, others as hex. */
function attributeOf(pair: Fields): string {
  const [any] = messages(pair, 2);
  if (!any) return '';
  const [first] = [...any.entries()];
  const value = first?.[1][0];
  if (typeof value === 'bigint') return String(value);
  return first?.[0] === 1 ? text(any, 1) : hex(any, first?.[0] ?? 0);
}
