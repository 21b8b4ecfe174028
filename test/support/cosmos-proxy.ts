import { Buffer } from 'node:buffer';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** A request that reached the proxy. */
export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  /** x-ms-documentdb-partitionkey, as sent. */
  readonly partitionKey?: string;
  readonly isQuery: boolean;
  /** The SDK asks for a query plan before each query, without a partition key; it reads no documents. */
  readonly isQueryPlan: boolean;
  /** x-ms-documentdb-query-enablecrosspartition was true. */
  readonly crossPartition: boolean;
  readonly ifMatch?: string;
  readonly bodyBytes: number;
  /** `id` of the document in the body of a write. */
  readonly documentId?: string;
  /** ms of performance.now() at arrival. */
  readonly at: number;
  /** Status sent back; 0 where the connection was cut or left hanging. */
  status: number;
  fault?: Fault['kind'];
}

export type Fault =
  | { readonly kind: 'throttle'; readonly retryAfterMs?: number }
  | { readonly kind: 'status'; readonly status: number }
  /** No answer until the client gives up. */
  | { readonly kind: 'hang' }
  | { readonly kind: 'reset' }
  /** The request is carried out, its answer lost. */
  | { readonly kind: 'lost_reply' };

export interface CosmosProxyOptions {
  /** Origin of the real thing, e.g. http://127.0.0.1:8081. */
  readonly target: string;
  /** Fault for a request, if any. Document operations only unless `metadata` is set. */
  readonly fault?: (request: RecordedRequest) => Fault | undefined;
  /** Largest body in bytes; over it the answer is 413. Default 2 MiB. */
  readonly maxBytes?: number;
  /** Kept requests; the oldest fall out. Default 100000. */
  readonly keep?: number;
}

const TWO_MB = 2 * 1024 * 1024;

/** Stands between a client and Cosmos DB (or its stand-in): injects faults, enforces limits, records requests. */
export class CosmosProxy {
  readonly requests: RecordedRequest[] = [];
  fault: ((request: RecordedRequest) => Fault | undefined) | undefined;
  readonly #options: CosmosProxyOptions;
  readonly #sockets = new Set<Socket>();
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  #server: http.Server | undefined;
  #port = 0;

  constructor(options: CosmosProxyOptions) {
    this.#options = options;
    this.fault = options.fault;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Starts, or comes back on the same port after `die`. */
  async start(): Promise<this> {
    const server = http.createServer((req, res) => this.#handle(req, res));
    server.keepAliveTimeout = 60_000;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
    return this;
  }

  /** Closes the port and cuts every connection, as a dead service would. `start` brings it back. */
  async die(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  async stop(): Promise<void> {
    await this.die();
    this.#agent.destroy();
  }

  /** Document requests only. */
  documents(): RecordedRequest[] {
    return this.requests.filter((request) => /\/docs(\/|$)/.test(request.path));
  }

  #handle(req: http.IncomingMessage, res: http.ServerResponse): void {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('error', () => undefined);
    req.on('end', () => {
      const body = Buffer.concat(chunks);
      const record = recordOf(req, body);
      this.requests.push(record);
      if (this.requests.length > (this.#options.keep ?? 100_000)) this.requests.shift();
      const isDocument = /\/docs(\/|$)/.test(record.path);
      if (isDocument && body.length > (this.#options.maxBytes ?? TWO_MB)) {
        answer(res, record, 413, { code: 'RequestEntityTooLarge', message: 'Request size is too large' });
        return;
      }
      const fault = isDocument ? this.fault?.(record) : undefined;
      if (fault !== undefined) record.fault = fault.kind;
      if (fault === undefined || fault.kind === 'lost_reply') this.#forward(req, res, body, record);
      else inject(fault, res, record);
    });
  }

  #forward(req: http.IncomingMessage, res: http.ServerResponse, body: Buffer, record: RecordedRequest): void {
    const target = new URL(this.#options.target);
    const upstream = http.request(
      {
        host: target.hostname,
        port: target.port,
        method: req.method,
        path: req.url,
        headers: { ...req.headers, host: target.host, connection: 'keep-alive' },
        agent: this.#agent,
      },
      (reply) => {
        if (record.fault === 'lost_reply') {
          reply.resume();
          reply.on('end', () => res.socket?.destroy());
          return;
        }
        record.status = reply.statusCode ?? 502;
        if (record.path === '/') {
          sendAccount(reply, res, this.#port);
          return;
        }
        const { connection: _, 'transfer-encoding': __, ...headers } = reply.headers;
        res.writeHead(record.status, headers);
        reply.pipe(res);
      },
    );
    upstream.on('error', () => {
      if (res.headersSent) res.destroy();
      else answer(res, record, 503, { code: 'ServiceUnavailable', message: 'the target does not answer' });
    });
    upstream.end(body);
  }
}

/** The account names the addresses to be used: they must be the proxy's, else clients go round it. */
function sendAccount(reply: http.IncomingMessage, res: http.ServerResponse, port: number): void {
  const chunks: Buffer[] = [];
  reply.on('data', (chunk: Buffer) => chunks.push(chunk));
  reply.on('end', () => {
    const text = Buffer.concat(chunks).toString();
    const body = text.replaceAll(/https?:\/\/[^"/]+\/?/g, `http://127.0.0.1:${port}/`);
    res.writeHead(reply.statusCode ?? 502, { 'content-type': 'application/json' });
    res.end(body);
  });
}

function recordOf(req: http.IncomingMessage, body: Buffer): RecordedRequest {
  const header = (name: string): string | undefined => {
    const value = req.headers[name];
    return Array.isArray(value) ? value[0] : value;
  };
  const partitionKey = header('x-ms-documentdb-partitionkey');
  const ifMatch = header('if-match');
  const documentId =
    req.method === 'POST' ? /"id":"([^"]+)"/.exec(body.toString('utf8', 0, 4096))?.[1] : undefined;
  return {
    method: req.method ?? '',
    path: (req.url ?? '').replace(/\?.*$/, ''),
    ...(partitionKey === undefined ? {} : { partitionKey }),
    ...(ifMatch === undefined ? {} : { ifMatch }),
    isQuery:
      header('x-ms-documentdb-isquery')?.toLowerCase() === 'true' ||
      (header('content-type') ?? '').startsWith('application/query+json'),
    isQueryPlan: header('x-ms-cosmos-is-query-plan-request')?.toLowerCase() === 'true',
    crossPartition: header('x-ms-documentdb-query-enablecrosspartition')?.toLowerCase() === 'true',
    bodyBytes: body.length,
    ...(documentId === undefined ? {} : { documentId }),
    at: performance.now(),
    status: 0,
  };
}

function inject(fault: Fault, res: http.ServerResponse, record: RecordedRequest): void {
  if (fault.kind === 'reset') res.socket?.resetAndDestroy();
  else if (fault.kind === 'status')
    answer(res, record, fault.status, { code: `${fault.status}`, message: 'injected' });
  else if (fault.kind === 'throttle') {
    if (fault.retryAfterMs !== undefined) res.setHeader('x-ms-retry-after-ms', String(fault.retryAfterMs));
    res.setHeader('x-ms-substatus', '3200');
    answer(res, record, 429, { code: 'TooManyRequests', message: 'Request rate is large' });
  }
}

function answer(res: http.ServerResponse, record: RecordedRequest, status: number, body: object): void {
  record.status = status;
  res.writeHead(status, { 'content-type': 'application/json' });
  res.end(JSON.stringify(body));
}
