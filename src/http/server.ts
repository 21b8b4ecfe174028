/**
 * The public HTTP server, hard against slow and greedy senders: head and body must come within their time, heads are
 * bounded (bodies are by the app), connections too.
 */
import { createServer, type RequestListener, type Server } from 'node:http';
import { RtvoiceError } from '../errors.js';

export interface ServerLimits {
  /** All of a request's head, bytes. A token of ACS is about 1 KB. */
  readonly headBytes: number;
  /** From the first byte of a request to the end of its head, ms. */
  readonly headMs: number;
  /** From the first byte of a request to its last, ms. */
  readonly requestMs: number;
  /** Idle connections are kept longer than an ingress keeps them, so that the ingress closes first, ms. */
  readonly idleMs: number;
  readonly connections: number;
}

export const SERVER_LIMITS: ServerLimits = {
  headBytes: 16 * 1024,
  headMs: 5_000,
  requestMs: 15_000,
  idleMs: 75_000,
  connections: 4_096,
};

export function createPublicServer(app: RequestListener, limits: Partial<ServerLimits> = {}): Server {
  const { headBytes, headMs, requestMs, idleMs, connections } = { ...SERVER_LIMITS, ...limits };
  const server = createServer(
    {
      maxHeaderSize: headBytes,
      headersTimeout: headMs,
      requestTimeout: requestMs,
      keepAliveTimeout: idleMs,
      connectionsCheckingInterval: 1_000,
      insecureHTTPParser: false,
    },
    app,
  );
  server.maxConnections = connections;
  server.maxHeadersCount = 100;
  server.maxRequestsPerSocket = 0;
  return server;
}

/** Resolves once the port is bound. @throws RtvoiceError RTV_PORT_IN_USE */
export async function listen(server: Server, port: number, host: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(cause.code === 'EADDRINUSE' ? new RtvoiceError('RTV_PORT_IN_USE', 'PORT', { cause }) : cause);
    });
    server.listen(port, host, resolve);
  });
}

/** Idle connections go at once; requests that are being served have a second. */
export const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), 1_000).unref();
  });
