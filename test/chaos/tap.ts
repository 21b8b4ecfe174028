/**
 * A recording HTTP proxy between a worker's app and its sidecar, either way: shows each exchange that is asked for,
 * with the answer as it came, before the client gets it. An end of either side reaches the other.
 */
import {
  Agent,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';

const LOOPBACK = '127.0.0.1';
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'te',
  'upgrade',
  'proxy-connection',
]);

export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly body: Buffer;
  /** Unix ms: the request was complete. */
  readonly atMs: number;
}

export interface Answered {
  readonly status: number;
  readonly body: Buffer;
  /** Unix ms. */
  readonly atMs: number;
}

export interface TapHooks {
  /** A request as it came in; a number is the status of an answer in the other side's place. */
  asked?(exchange: Exchange): number | undefined;
  /** Its answer; undefined: there was none. */
  answered(exchange: Exchange, answer: Answered | undefined): void;
}

export interface Tap {
  readonly port: number;
  close(): Promise<void>;
}

/** Opens a tap before a port of loopback. */
export async function openTap(targetPort: number, hooks: TapHooks): Promise<Tap> {
  const agent = new Agent({ keepAlive: true, maxSockets: 512 });
  const server = createServer((incoming, outgoing) => {
    pass(incoming, outgoing, { agent, targetPort, hooks }).catch(() => incoming.socket.destroy());
  });
  // As long as whoever is on the other side likes: the tap ends nothing by itself.
  server.requestTimeout = 0;
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, LOOPBACK, resolve);
  });
  return { port: portOf(server), close: () => close(server, agent) };
}

interface Way {
  readonly agent: Agent;
  readonly targetPort: number;
  readonly hooks: TapHooks;
}

async function pass(incoming: IncomingMessage, outgoing: ServerResponse, way: Way): Promise<void> {
  const { hooks } = way;
  const body = await bytesOf(incoming);
  const exchange = { method: incoming.method ?? '', path: incoming.url ?? '', body, atMs: Date.now() };
  const instead = hooks.asked?.(exchange);
  if (instead !== undefined) {
    outgoing.writeHead(instead).end();
    return;
  }
  let answer: IncomingMessage;
  let answerBody: Buffer;
  try {
    answer = await ask(incoming, outgoing, body, way);
    answerBody = await bytesOf(answer);
  } catch {
    hooks.answered(exchange, undefined);
    incoming.socket.destroy();
    return;
  }
  const status = answer.statusCode ?? 502;
  hooks.answered(exchange, { status, body: answerBody, atMs: Date.now() });
  outgoing.writeHead(
    status,
    withLength(endToEnd(answer.rawHeaders), answerBody.length, status === 204).flat(),
  );
  outgoing.end(answerBody);
}

function ask(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  body: Buffer,
  way: Way,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: LOOPBACK,
        port: way.targetPort,
        agent: way.agent,
        method: incoming.method,
        path: incoming.url,
        headers: withLength(endToEnd(incoming.rawHeaders), body.length).flat(),
        setHost: false,
      },
      resolve,
    );
    sent.on('error', reject);
    // The client gave up: the other side shall know.
    outgoing.once('close', () => {
      if (!outgoing.writableFinished) sent.destroy();
    });
    sent.end(body);
  });
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function endToEnd(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? '';
    if (!HOP_BY_HOP.has(name.toLowerCase())) pairs.push([name, raw[at + 1] ?? '']);
  }
  return pairs;
}

/** What was read whole goes out whole. */
function withLength(headers: [string, string][], bytes: number, none = false): [string, string][] {
  const others = headers.filter(([name]) => name.toLowerCase() !== 'content-length');
  return none ? others : [...others, ['content-length', String(bytes)]];
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  return address.port;
}

async function close(server: Server, agent: Agent): Promise<void> {
  const closed = new Promise<void>((done) => server.close(() => done()));
  server.closeAllConnections();
  agent.destroy();
  await closed;
}
