import type { IncomingMessage } from 'node:http';

const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'upgrade',
  'expect',
]);

/** Name and value by turns, as Node's rawHeaders, without what concerns one connection only. */
export function endToEndHeaders(message: IncomingMessage): string[] {
  const named = (message.headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase());
  const dropped = new Set([...HOP_BY_HOP, ...named]);
  return pairs(message.rawHeaders)
    .filter(([name]) => !dropped.has(name.toLowerCase()))
    .flat();
}

/** Header lines that tell the worker who asked; a proxy before us has the say about the scheme and host. */
export function forwardedHeaders(message: IncomingMessage): string[] {
  const peer = message.socket.remoteAddress ?? 'unknown';
  const before = message.headers['x-forwarded-for'];
  const chain = [...(before === undefined ? [] : [before].flat()), peer].join(', ');
  return [
    'X-Forwarded-For',
    chain,
    'X-Forwarded-Proto',
    [message.headers['x-forwarded-proto'] ?? 'http'].flat().join(', '),
    'X-Forwarded-Host',
    [message.headers['x-forwarded-host'] ?? message.headers.host ?? ''].flat().join(', '),
  ];
}

/** The same lines without the X-Forwarded ones, which forwardedHeaders writes anew. */
export function withoutForwarded(rawHeaders: readonly string[]): string[] {
  return pairs(rawHeaders)
    .filter(([name]) => !/^x-forwarded-(for|proto|host)$/i.test(name))
    .flat();
}

function pairs(rawHeaders: readonly string[]): [string, string][] {
  const result: [string, string][] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    result.push([rawHeaders[at] ?? '', rawHeaders[at + 1] ?? '']);
  }
  return result;
}
