/**
 * The sockets that ACS opens: /acs/media/:token and /acs/transcription/:token. The token says which call the socket is
 * for; it is checked before the handshake, so a stranger gets an HTTP error and no socket.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { ErrorCode } from '../errors.js';
import { problemBody } from './problem.js';

export type SocketKind = 'media' | 'transcription';

export interface SocketCall {
  readonly kind: SocketKind;
  readonly correlationId: string;
  readonly callConnectionId: string;
}

export interface UpgradeServices {
  readToken(token: unknown): string | undefined;
  open(call: SocketCall, socket: WebSocket): void;
  refused(code: ErrorCode): void;
}

/** The largest message ACS has reason to send, bytes: a frame is about 1.3 KB, a long final a few KB. */
const MAX_MESSAGE_BYTES = 256 * 1024;
const PATH = /^\/acs\/(media|transcription)\/([^/?]+)$/;
const SAFE_ID = /^[\x21-\x7e]{1,256}$/;

export function acceptUpgrades(server: Server, services: UpgradeServices): WebSocketServer {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
  });
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const call = readCall(request, services);
    if (typeof call === 'string') {
      services.refused(call);
      refuse(stream, call);
      return;
    }
    sockets.handleUpgrade(request, stream, head, (socket) => services.open(call, socket));
  });
  return sockets;
}

function readCall(request: IncomingMessage, services: UpgradeServices): SocketCall | ErrorCode {
  const path = (request.url ?? '').split('?')[0] ?? '';
  const [, kind, token] = PATH.exec(path) ?? [];
  if (kind !== 'media' && kind !== 'transcription') return 'RTV_NOT_FOUND';
  const correlationId = services.readToken(token === undefined ? undefined : decodeURIComponent(token));
  if (!correlationId) return 'RTV_CALL_TOKEN_INVALID';
  const callConnectionId = request.headers['x-ms-call-connection-id'];
  if (typeof callConnectionId !== 'string' || !SAFE_ID.test(callConnectionId)) return 'RTV_CALL_UNKNOWN';
  return { kind, correlationId, callConnectionId };
}

function refuse(stream: Duplex, code: ErrorCode): void {
  const { status, body } = problemBody(code);
  stream.on('error', () => stream.destroy());
  stream.end(
    `HTTP/1.1 ${status} ${code}\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
