import { type ClientRequest, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { endToEndHeaders, forwardedHeaders, withoutForwarded } from './headers.js';
import type { UpstreamPool } from './pool.js';
import { type FrontDoorCode, problem } from './problem.js';
import type { Upstream } from './upstream.js';

export interface ForwardOptions {
  /** A connection to a worker must stand within this time, else the next worker is tried. */
  readonly connectMs?: number;
  /** The head of the answer must come within this time; the body may take as long as it likes. */
  readonly answerMs?: number;
}

/**
 * Hands one request to a ready worker and its answer back, both as streams. Another worker is tried only
 * when the connection could not be made: nothing has been sent then, so nothing can happen twice.
 */
export function forward(
  pool: UpstreamPool,
  incoming: IncomingMessage,
  answer: ServerResponse,
  options: ForwardOptions = {},
): void {
  const connectMs = options.connectMs ?? 2000;
  const answerMs = options.answerMs ?? 60_000;
  const tried = new Set<Upstream>();
  let current: ClientRequest | undefined;
  let gone = false;
  // The caller hung up: the worker must see it too.
  answer.once('close', () => {
    gone = true;
    if (!answer.writableFinished) current?.destroy();
  });

  const attempt = (): void => {
    if (gone) return;
    const upstream = pool.next(tried);
    if (!upstream) {
      refuse(answer, 'RTV_FRONTDOOR_NO_WORKER');
      return;
    }
    tried.add(upstream);
    let connected = false;
    const outgoing = request({
      host: upstream.host,
      port: upstream.port,
      agent: upstream.agent,
      method: incoming.method,
      path: incoming.url,
      headers: [...withoutForwarded(endToEndHeaders(incoming)), ...forwardedHeaders(incoming)],
      setHost: false,
    });
    current = outgoing;
    let timer = setTimeout(() => outgoing.destroy(new Error('connect deadline')), connectMs);
    const begin = (): void => {
      connected = true;
      clearTimeout(timer);
      timer = setTimeout(() => {
        refuse(answer, 'RTV_FRONTDOOR_WORKER_SLOW');
        outgoing.destroy();
      }, answerMs);
      incoming.pipe(outgoing);
    };
    outgoing.once('socket', (socket) => {
      if (socket.connecting) socket.once('connect', begin);
      else begin();
    });
    outgoing.once('response', (response) => {
      clearTimeout(timer);
      passBack(response, answer);
    });
    outgoing.on('error', () => {
      clearTimeout(timer);
      incoming.unpipe(outgoing);
      if (connected) {
        refuse(answer, 'RTV_FRONTDOOR_WORKER_LOST');
        return;
      }
      pool.eject(upstream);
      attempt();
    });
  };
  attempt();
}

function passBack(response: IncomingMessage, answer: ServerResponse): void {
  // An early hint or a switch of protocols that nobody asked for has no place in this answer.
  answer.writeHead(response.statusCode ?? 502, response.statusMessage, endToEndHeaders(response));
  answer.flushHeaders();
  response.pipe(answer);
  // The worker died in the middle: end the connection, so that the caller does not take a half for a whole.
  response.once('error', () => answer.destroy());
  response.once('close', () => {
    if (!response.complete) answer.destroy();
  });
}

function refuse(answer: ServerResponse, code: FrontDoorCode): void {
  if (answer.destroyed || answer.writableEnded) return;
  if (answer.headersSent) {
    answer.destroy();
    return;
  }
  const { status, headers, body } = problem(code);
  // The rest of the request's body is not read: the connection cannot serve another request.
  answer.writeHead(status, { ...headers, Connection: 'close' });
  answer.end(body);
}
