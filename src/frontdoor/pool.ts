import { Upstream } from './upstream.js';

export interface PoolOptions {
  /** How often each worker is asked for /readyz. */
  readonly probeEveryMs?: number;
  /** No answer within this time is a no. */
  readonly probeDeadlineMs?: number;
  readonly say?: (line: string) => void;
}

/** The workers, in turn, as far as they are ready. */
export class UpstreamPool {
  #upstreams: Upstream[] = [];
  #turn = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #probeEveryMs: number;
  readonly #probeDeadlineMs: number;
  readonly #say: (line: string) => void;

  constructor(options: PoolOptions = {}) {
    this.#probeEveryMs = options.probeEveryMs ?? 250;
    this.#probeDeadlineMs = options.probeDeadlineMs ?? 1000;
    this.#say = options.say ?? (() => undefined);
  }

  /** Sets the list; a worker that stays keeps its connections and its state. */
  setUpstreams(urls: readonly string[]): void {
    const known = new Map(this.#upstreams.map((upstream) => [upstream.url, upstream]));
    this.#upstreams = [...new Set(urls)].map((url) => known.get(url) ?? new Upstream(url));
    for (const upstream of known.values()) if (!this.#upstreams.includes(upstream)) upstream.close();
    if (this.#timer) this.#probeAll();
  }

  start(): void {
    this.#probeAll();
    this.#timer ??= setInterval(() => this.#probeAll(), this.#probeEveryMs);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const upstream of this.#upstreams) upstream.close();
  }

  /** The next ready worker that is not among those tried, or undefined. */
  next(tried: ReadonlySet<Upstream>): Upstream | undefined {
    const count = this.#upstreams.length;
    for (let step = 0; step < count; step += 1) {
      const index = (this.#turn + step) % count;
      const upstream = this.#upstreams[index];
      if (upstream?.ready && !tried.has(upstream)) {
        this.#turn = (index + 1) % count;
        return upstream;
      }
    }
    return undefined;
  }

  /** A connection was refused: do not wait for the next probe to know it. */
  eject(upstream: Upstream): void {
    if (upstream.ready) this.#say(`${upstream.url} refused a connection`);
    upstream.eject();
  }

  #probeAll(): void {
    for (const upstream of this.#upstreams) {
      upstream.probe(this.#probeDeadlineMs, () =>
        this.#say(`${upstream.url} is ${upstream.ready ? 'ready' : 'not ready'}`),
      );
    }
  }
}
