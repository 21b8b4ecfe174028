/**
 * The network between the parts of a stack: a TCP proxy before each port that is reached from elsewhere. A worker that
 * is cut off hears and says nothing more: what is under way waits, nothing is closed, nothing is reset, new connections
 * get no answer. Healed, what was under way goes on, as TCP does after a loss.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { connectedFrom } from './whose.js';

const LOOPBACK = '127.0.0.1';

export interface Route {
  readonly name: string;
  /** Where it leads. */
  readonly port: number;
  /** Where the proxy listens; a free port of loopback unless given. */
  readonly listen?: { readonly host: string; readonly port: number };
  /** Whose port it is; absent: one that belongs to no worker. */
  readonly worker?: number;
  /** Who connects: a worker, nobody of them, or whoever the kernel says it is. */
  readonly from: number | 'outside' | 'looked for';
}

export interface NetworkHooks {
  /** Processes of each worker as they are now, by number. */
  pids(): ReadonlyMap<number, readonly number[]>;
}

export class Network {
  /** Port of the proxy by the name of its route. */
  readonly ports: Readonly<Record<string, number>>;
  readonly #cut: Set<number>;
  readonly #pairs: Set<Pair>;
  readonly #servers: readonly Server[];

  private constructor(ports: Record<string, number>, cut: Set<number>, pairs: Set<Pair>, servers: Server[]) {
    this.ports = ports;
    this.#cut = cut;
    this.#pairs = pairs;
    this.#servers = servers;
  }

  static async open(routes: readonly Route[], hooks: NetworkHooks): Promise<Network> {
    const cut = new Set<number>();
    const pairs = new Set<Pair>();
    const ports: Record<string, number> = {};
    const servers: Server[] = [];
    for (const route of routes) {
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
        const pair = new Pair(client, route, () => pairs.delete(pair));
        pairs.add(pair);
        sourceOf(client, route, hooks).then(
          (source) => pair.belongsTo([source, route.worker], cut),
          () => pair.belongsTo([route.worker], cut),
        );
      });
      servers.push(server);
      ports[route.name] = await listening(server, route.listen ?? { host: LOOPBACK, port: 0 });
    }
    return new Network(ports, cut, pairs, servers);
  }

  /** Cuts a worker off. */
  cut(worker: number): void {
    this.#cut.add(worker);
    for (const pair of this.#pairs) pair.look(this.#cut);
  }

  heal(worker: number): void {
    this.#cut.delete(worker);
    for (const pair of this.#pairs) pair.look(this.#cut);
  }

  async close(): Promise<void> {
    const closed = this.#servers.map((server) => new Promise<void>((done) => server.close(() => done())));
    for (const pair of this.#pairs) pair.destroy();
    await Promise.all(closed);
  }
}

async function sourceOf(client: Socket, route: Route, hooks: NetworkHooks): Promise<number | undefined> {
  if (typeof route.from === 'number') return route.from;
  const { remotePort, localPort } = client;
  if (route.from === 'outside' || remotePort === undefined || localPort === undefined) return undefined;
  const workers = hooks.pids();
  const pid = await connectedFrom(remotePort, localPort, [...workers.values()].flat());
  if (pid === undefined) return undefined;
  return [...workers].find(([, pids]) => pids.includes(pid))?.[0];
}

/** One connection and its continuation. Paused until it is known whose it is. */
class Pair {
  readonly #client: Socket;
  readonly #route: Route;
  readonly #gone: () => void;
  #upstream: Socket | undefined;
  #workers: readonly number[] | undefined;
  #frozen = false;
  /** One end closed while nothing could be told to the other. */
  #over = false;
  /** What does not know yet that the other side has said all. */
  #untold: Socket[] = [];

  constructor(client: Socket, route: Route, gone: () => void) {
    this.#client = client;
    this.#route = route;
    this.#gone = gone;
    client.setNoDelay(true);
    client.on('error', () => undefined);
    client.once('close', () => this.#closed());
  }

  belongsTo(workers: readonly (number | undefined)[], cut: ReadonlySet<number>): void {
    this.#workers = workers.filter((worker) => worker !== undefined);
    this.look(cut);
  }

  /** Freezes or goes on, as the cuts say. */
  look(cut: ReadonlySet<number>): void {
    if (this.#workers === undefined) return;
    this.#frozen = this.#workers.some((worker) => cut.has(worker));
    if (this.#frozen) {
      this.#client.pause();
      this.#upstream?.pause();
      return;
    }
    if (this.#over) {
      this.destroy();
      return;
    }
    for (const socket of this.#untold.splice(0)) socket.end();
    if (!this.#upstream) this.#join();
    this.#client.resume();
    this.#upstream?.resume();
  }

  destroy(): void {
    this.#client.destroy();
    this.#upstream?.destroy();
    this.#gone();
  }

  #join(): void {
    const client = this.#client;
    const upstream = connect({ port: this.#route.port, host: LOOPBACK, allowHalfOpen: true, noDelay: true });
    this.#upstream = upstream;
    upstream.on('error', () => undefined);
    upstream.once('close', () => this.#closed());
    this.#carry(client, upstream);
    this.#carry(upstream, client);
  }

  #carry(from: Socket, to: Socket): void {
    from.on('data', (data) => {
      if (!to.write(data)) from.pause();
    });
    to.on('drain', () => {
      if (!this.#frozen) from.resume();
    });
    from.once('end', () => {
      if (this.#frozen) this.#untold.push(to);
      else to.end();
    });
  }

  #closed(): void {
    this.#over = true;
    if (!this.#frozen) this.destroy();
  }
}

async function listening(server: Server, at: { host: string; port: number }): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.host, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no address');
  return address.port;
}
