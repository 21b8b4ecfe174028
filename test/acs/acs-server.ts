import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** One request as it arrived, its signature checked. */
export interface Recorded {
  readonly method: string;
  /** Path without the query, percent-encoded as sent. */
  readonly path: string;
  readonly apiVersion: string | null;
  readonly headers: IncomingMessage['headers'];
  readonly body: Record<string, unknown> | undefined;
  readonly signed: boolean;
  /** Number of the TCP connection it came on. */
  readonly connection: number;
}

/** What to answer; `hang` never does, `reset` cuts the connection, `status` with an ACS error code. */
export type Answer =
  | { readonly status: number; readonly body?: unknown; readonly headers?: Record<string, string> }
  | 'hang'
  | 'reset';

export interface AcsServer {
  readonly connectionString: string;
  readonly url: string;
  readonly requests: Recorded[];
  /** Answers of the next requests, in order; afterwards `answer` again. */
  readonly next: Answer[];
  answer: (request: Recorded) => Answer;
  close(): Promise<void>;
}

const KEY = Buffer.from('a key of the tests, 32 bytes long').toString('base64');

/** A local HTTP server that records what the SDK sends and verifies its HMAC. */
export async function startAcsServer(): Promise<AcsServer> {
  const requests: Recorded[] = [];
  const next: Answer[] = [];
  const connections = new Map<Socket, number>();
  let opened = 0;
  const server: Server = createServer((request, response) => {
    void receive(request, response);
  });
  server.on('connection', (socket) => {
    opened += 1;
    connections.set(socket, opened);
    socket.once('close', () => connections.delete(socket));
  });
  const receive = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const recorded = record(request, Buffer.concat(chunks), connections.get(request.socket) ?? 0);
    requests.push(recorded);
    const answer = next.shift() ?? fake.answer(recorded);
    if (answer === 'hang') return;
    if (answer === 'reset') {
      request.socket.destroy();
      return;
    }
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
    response.end(answer.body === undefined ? undefined : JSON.stringify(answer.body));
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const fake: AcsServer = {
    url,
    connectionString: `endpoint=${url}/;accesskey=${KEY}`,
    requests,
    next,
    answer: () => ({ status: 202 }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return fake;
}

function record(request: IncomingMessage, body: Buffer, connection: number): Recorded {
  const [path = '', query = ''] = (request.url ?? '').split('?');
  return {
    method: request.method ?? '',
    path,
    apiVersion: new URLSearchParams(query).get('api-version'),
    headers: request.headers,
    body: body.length > 0 ? (JSON.parse(body.toString()) as Record<string, unknown>) : undefined,
    signed: isSigned(request, body),
    connection,
  };
}

function isSigned(request: IncomingMessage, body: Buffer): boolean {
  const { headers, method, url } = request;
  const hash = createHash('sha256').update(body).digest('base64');
  const date = headers['x-ms-date'];
  const signature = createHmac('sha256', Buffer.from(KEY, 'base64'))
    .update(`${method}\n${url}\n${String(date)};${headers.host};${hash}`)
    .digest('base64');
  return (
    headers['x-ms-content-sha256'] === hash &&
    headers.authorization ===
      `HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=${signature}`
  );
}
