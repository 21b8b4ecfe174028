import { createServer } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import { forward } from './forward.js';
import { type PoolOptions, UpstreamPool } from './pool.js';
import { upgrade } from './upgrade.js';

export interface FrontDoor {
  /** The port it listens on. */
  readonly port: number;
  setUpstreams(urls: readonly string[]): void;
  /** No new connections; what is under way may end within graceMs, then it is cut. */
  close(graceMs: number): Promise<void>;
}

/**
 * Starts the front door: spreads requests and WebSocket upgrades over the workers that are ready, in turn,
 * as an ingress would.
 * @throws the listen error (EADDRINUSE, EACCES …).
 */
export async function startFrontDoor(
  options: {
    readonly host: string;
    readonly port: number;
    readonly upstreams: readonly string[];
  } & PoolOptions,
): Promise<FrontDoor> {
  const pool = new UpstreamPool(options);
  const joined = new Set<Socket>();
  const keep = (socket: Socket): void => {
    joined.add(socket);
    socket.once('close', () => joined.delete(socket));
  };
  // Senders keep connections open between calls: longer than they do, so that they close, not we.
  const server = createServer({ noDelay: true, keepAliveTimeout: 75_000 }, (incoming, answer) =>
    forward(pool, incoming, answer),
  );
  server.on('upgrade', (incoming, socket, head) => {
    if (!(socket instanceof Socket)) return;
    keep(socket);
    upgrade(pool, incoming, socket, head, keep);
  });
  server.on('clientError', (_error, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
    else socket.destroy();
  });
  pool.setUpstreams(options.upstreams);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  pool.start();
  return {
    port: (server.address() as AddressInfo).port,
    setUpstreams: (urls) => pool.setUpstreams(urls),
    async close(graceMs) {
      const cut = setTimeout(() => {
        server.closeAllConnections();
        for (const socket of joined) socket.destroy();
      }, graceMs);
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      });
      for (const socket of joined) socket.destroy();
      clearTimeout(cut);
      pool.stop();
    },
  };
}
