/**
 * The sockets that ACS opens: /acs/media/:token and /acs/transcription/:token. The token in the URL says which call the
 * socket is for, the JWT that ACS asks; both are checked before the handshake, so a stranger gets an HTTP error and no
 * socket, and one who stalls is cut off.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { CALL_CONNECTION_HEADER, type Doors } from './authenticate.js';
import { type ProblemCode, problemBody } from './problem.js';

export type SocketKind = 'media' | 'transcription';

export interface SocketCall {
  readonly kind: SocketKind;
  readonly correlationId: string;
  readonly callConnectionId: string;
}

export interface UpgradeServices {
  readonly doors: Doors;
  open(call: SocketCall, socket: WebSocket): void;
}

/** The largest message ACS has reason to send, bytes: a frame is about 1.3 KB, a long final a few KB. */
const MAX_MESSAGE_BYTES = 256 * 1024;
const PATH = /^\/acs\/(media|transcription)\/([^/?]+)$/;
/** From the request to the open socket, ms: keys may have to be read meanwhile. */
const HANDSHAKE_MS = 10_000;

export function acceptUpgrades(server: Server, services: UpgradeServices): WebSocketServer {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
  });
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    // Until ws takes over, an error of the stream is nobody's else and must not end the process.
    const ignore = (): void => void stream.destroy();
    stream.on('error', ignore);
    const timer = setTimeout(() => stream.destroy(), HANDSHAKE_MS);
    judge(request, services.doors)
      .then((call) => {
        if (stream.destroyed) return;
        if (typeof call === 'string') {
          refuse(stream, call);
          return;
        }
        sockets.handleUpgrade(request, stream, head, (socket) => {
          stream.off('error', ignore);
          services.open(call, socket);
        });
      })
      .catch(() => stream.destroy())
      .finally(() => clearTimeout(timer));
  });
  return sockets;
}

async function judge(request: IncomingMessage, doors: Doors): Promise<SocketCall | ProblemCode> {
  const path = (request.url ?? '').split('?')[0] ?? '';
  const [, kind, token] = PATH.exec(path) ?? [];
  if (kind !== 'media' && kind !== 'transcription') return 'RTV_NOT_FOUND';
  const correlationId = doors.token(kind, decoded(token));
  if (!correlationId) return 'RTV_CALL_TOKEN_INVALID';
  const passage = await doors.upgrade(kind, request.headers, correlationId);
  if (!passage.ok) return passage.code;
  return { kind, correlationId, callConnectionId: String(request.headers[CALL_CONNECTION_HEADER]) };
}

function decoded(token: string | undefined): string | undefined {
  try {
    return token === undefined ? undefined : decodeURIComponent(token);
  } catch {
    return undefined;
  }
}

function refuse(stream: Duplex, code: ProblemCode): void {
  const { status, body } = problemBody(code);
  stream.end(
    `HTTP/1.1 ${status} ${code}\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
