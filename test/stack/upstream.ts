import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

/** A small HTTP and WebSocket server behind the front door, which tells who it is. */
export class TestUpstream {
  ready = true;
  readonly requests: string[] = [];
  readonly sockets: WebSocket[] = [];
  readonly aborted: string[] = [];
  #server: Server | undefined;
  #port = 0;

  constructor(readonly id: string) {}

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      if (request.url === '/readyz') {
        response.writeHead(this.ready ? 200 : 503).end();
        return;
      }
      this.requests.push(`${request.method} ${request.url}`);
      response.once('close', () => {
        if (!response.writableFinished) this.aborted.push(request.url ?? '');
      });
      if (request.url === '/hang') return;
      if (request.url === '/half') {
        response.writeHead(200, { 'Content-Length': '100' });
        response.write('half', () => response.destroy());
        return;
      }
      response.writeHead(201, { 'x-worker': this.id, 'x-forwarded': forwardedOf(request) });
      request.pipe(response);
    });
    const sockets = new WebSocketServer({ server });
    sockets.on('connection', (socket) => {
      this.sockets.push(socket);
      socket.on('error', () => undefined);
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
      socket.send(this.id);
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** As kill -9 would: every connection is cut, the port refuses. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    for (const socket of this.sockets) socket.terminate();
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }
}

function forwardedOf({ headers }: IncomingMessage): string {
  return [headers['x-forwarded-for'], headers['x-forwarded-proto'], headers['x-forwarded-host']].join(' ');
}
