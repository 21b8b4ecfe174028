import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * What happens to the bytes between a client and its server.
 * - pass: all goes through
 * - dropReplies: the server does its work, the client hears nothing of it
 * - hang: requests wait here, and go out once another mode is set
 * - delay: requests wait so long (ms) before they go out
 */
export type FaultMode =
  | { readonly kind: 'pass' }
  | { readonly kind: 'dropReplies' }
  | { readonly kind: 'hang' }
  | { readonly kind: 'delay'; readonly ms: number };

export interface FaultProxy {
  readonly host: string;
  readonly port: number;
  set(mode: FaultMode): void;
  /** Loses the reply to the next request, then the connection; everything else passes. */
  dropNextReply(): void;
  /** Breaks all connections; requests that hang reach the server all the same when `deliver`. */
  cut(deliver?: boolean): void;
  /** Refuses new connections while true. */
  refuse(refuse: boolean): void;
  close(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
  readonly held: Buffer[];
  dropping: boolean;
}

const HOST = '127.0.0.1';
const PASS: FaultMode = { kind: 'pass' };

/** A TCP proxy on a free loopback port that loses, delays and holds back what goes through it. */
export async function startFaultProxy(target: { host: string; port: number }): Promise<FaultProxy> {
  const pairs = new Set<Pair>();
  let mode: FaultMode = PASS;
  let refusing = false;
  let armed = false;

  const forward = (pair: Pair, data: Buffer): void => {
    if (pair.upstream.writable) pair.upstream.write(data);
  };
  const request = (pair: Pair, data: Buffer): void => {
    if (mode.kind === 'hang') {
      pair.held.push(data);
    } else if (mode.kind === 'delay') {
      setTimeout(() => forward(pair, data), mode.ms);
    } else {
      if (armed) {
        armed = false;
        pair.dropping = true;
      }
      forward(pair, data);
    }
  };
  const reply = (pair: Pair, data: Buffer): void => {
    if (pair.dropping) pair.client.destroy();
    else if (mode.kind !== 'dropReplies') pair.client.write(data);
  };

  const server: Server = createServer((client) => {
    if (refusing) {
      client.destroy();
      return;
    }
    const upstream = connect(target.port, target.host);
    const pair: Pair = { client, upstream, held: [], dropping: false };
    pairs.add(pair);
    client.on('data', (data) => request(pair, Buffer.from(data)));
    upstream.on('data', (data) => reply(pair, Buffer.from(data)));
    const end = (): void => {
      pairs.delete(pair);
      client.destroy();
      // What was sent already is the server's: it is read to the end before the connection is.
      upstream.end();
    };
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, HOST, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');

  const release = (pair: Pair): void => {
    for (const data of pair.held.splice(0)) forward(pair, data);
  };
  return {
    host: HOST,
    port: address.port,
    set(next) {
      mode = next;
      if (next.kind !== 'hang') for (const pair of pairs) release(pair);
    },
    dropNextReply: () => {
      armed = true;
    },
    cut(deliver = false) {
      for (const pair of [...pairs]) {
        if (deliver) release(pair);
        pair.client.destroy();
      }
    },
    refuse: (refuse) => {
      refusing = refuse;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const { client, upstream } of pairs) {
          client.destroy();
          upstream.destroy();
        }
      }),
  };
}
