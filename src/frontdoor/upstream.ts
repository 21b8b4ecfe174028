import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import type { Duplex } from 'node:stream';

/**
 * Connections to one worker. An idle one is given up after 2 s: sooner than the worker would close it
 * (Node's default is 5 s), so that a request never meets a connection that is just being closed.
 */
class ShortIdleAgent extends Agent {
  static readonly idleMs = 2000;

  constructor() {
    super({ keepAlive: true, noDelay: true, scheduling: 'lifo' });
  }

  override keepSocketAlive(socket: Duplex): boolean {
    setIdleDeadline(socket, ShortIdleAgent.idleMs);
    // Node's own method answers whether to keep it; the type says void.
    return super.keepSocketAlive(socket) as unknown as boolean;
  }

  override reuseSocket(socket: Duplex, next: ClientRequest): void {
    setIdleDeadline(socket, 0);
    super.reuseSocket(socket, next);
  }
}

function setIdleDeadline(socket: Duplex, ms: number): void {
  if ('setTimeout' in socket && typeof socket.setTimeout === 'function') socket.setTimeout(ms);
}

/** One worker as the front door sees it. */
export class Upstream {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly agent = new ShortIdleAgent();
  #ready = false;
  #probing: ClientRequest | undefined;
  #ejections = 0;

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.url = url;
    this.host = hostname.replace(/^\[|\]$/g, '');
    this.port = Number(port || 80);
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** Takes it out of the turn until a probe that begins after this moment succeeds. */
  eject(): void {
    this.#ejections += 1;
    this.#ready = false;
  }

  /** Asks GET /readyz once; a probe still under way is left alone. `onChange` when the answer is news. */
  probe(deadlineMs: number, onChange: () => void): void {
    if (this.#probing) return;
    const ejections = this.#ejections;
    const settle = (ready: boolean): void => {
      if (this.#probing !== asked) return;
      clearTimeout(deadline);
      this.#probing = undefined;
      const now = ready && ejections === this.#ejections;
      if (now === this.#ready) return;
      this.#ready = now;
      onChange();
    };
    const asked = request(
      { host: this.host, port: this.port, path: '/readyz', agent: this.agent },
      (response: IncomingMessage) => {
        response.resume();
        response.once('error', () => settle(false));
        settle(response.statusCode === 200);
      },
    );
    this.#probing = asked;
    // A deadline of its own: an idle timeout would let a worker that drips bytes look alive.
    const deadline = setTimeout(() => {
      settle(false);
      asked.destroy();
    }, deadlineMs);
    asked.on('error', () => settle(false));
    asked.end();
  }

  close(): void {
    this.#ready = false;
    this.#probing?.destroy();
    this.agent.destroy();
  }
}
