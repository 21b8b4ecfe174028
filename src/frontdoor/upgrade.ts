import { type IncomingMessage, STATUS_CODES } from 'node:http';
import { connect, type Socket } from 'node:net';
import { forwardedHeaders, withoutForwarded } from './headers.js';
import type { UpstreamPool } from './pool.js';
import { type FrontDoorCode, problem } from './problem.js';
import type { Upstream } from './upstream.js';

export interface UpgradeOptions {
  readonly connectMs?: number;
  /** After one side has ended, the other has this long to end too. */
  readonly lingerMs?: number;
}

/**
 * Joins an upgrade request (a WebSocket) to a ready worker, byte for byte: no frame is looked at, nothing is
 * gathered, an end or a reset on one side reaches the other.
 * @param onJoined told the worker's socket, so that it can be ended with the front door.
 */
export function upgrade(
  pool: UpstreamPool,
  incoming: IncomingMessage,
  client: Socket,
  head: Buffer,
  onJoined: (worker: Socket) => void = () => undefined,
  options: UpgradeOptions = {},
): void {
  const tried = new Set<Upstream>();
  let worker: Socket | undefined;
  client.setNoDelay(true);
  client.setTimeout(0);
  client.on('error', () => worker?.destroy());
  client.once('close', () => worker?.destroy());

  const attempt = (): void => {
    if (client.destroyed) return;
    const upstream = pool.next(tried);
    if (!upstream) {
      refuse(client, 'RTV_FRONTDOOR_NO_WORKER');
      return;
    }
    tried.add(upstream);
    const socket = connect({ host: upstream.host, port: upstream.port, noDelay: true, allowHalfOpen: true });
    worker = socket;
    let connected = false;
    const timer = setTimeout(() => socket.destroy(new Error('connect deadline')), options.connectMs ?? 2000);
    socket.once('connect', () => {
      connected = true;
      clearTimeout(timer);
      onJoined(socket);
      socket.write(requestHead(incoming));
      if (head.length > 0) socket.write(head);
      join(client, socket, options.lingerMs ?? 10_000);
    });
    socket.once('error', () => {
      clearTimeout(timer);
      if (connected) {
        client.destroy();
        return;
      }
      pool.eject(upstream);
      attempt();
    });
  };
  attempt();
}

function join(client: Socket, worker: Socket, lingerMs: number): void {
  client.pipe(worker);
  worker.pipe(client);
  let linger: NodeJS.Timeout | undefined;
  const oneEnded = (): void => {
    linger ??= setTimeout(() => {
      client.destroy();
      worker.destroy();
    }, lingerMs);
  };
  client.once('end', oneEnded);
  worker.once('end', oneEnded);
  client.once('close', () => clearTimeout(linger));
  worker.once('close', (hadError) => {
    clearTimeout(linger);
    if (hadError) client.destroy();
    // What the worker said last may still be on its way to the client.
    else if (!client.writableFinished) client.end(() => client.destroySoon());
    else client.destroySoon();
  });
}

function requestHead(incoming: IncomingMessage): string {
  const lines = [...withoutForwarded(incoming.rawHeaders), ...forwardedHeaders(incoming)];
  let text = `${incoming.method ?? 'GET'} ${incoming.url ?? '/'} HTTP/1.1\r\n`;
  for (let at = 0; at + 1 < lines.length; at += 2) text += `${lines[at]}: ${lines[at + 1]}\r\n`;
  return `${text}\r\n`;
}

function refuse(client: Socket, code: FrontDoorCode): void {
  const { status, headers, body } = problem(code);
  const lines = Object.entries({ ...headers, Connection: 'close' }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  client.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('\r\n')}\r\n\r\n${body}`);
  client.destroySoon();
}
