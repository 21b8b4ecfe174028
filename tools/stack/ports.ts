import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { StackError } from './error.js';
import { type Release, tryLock } from './parts/lock.js';

const SCAN = 200;

/**
 * Ports of one stack. A port is taken by a small file first and tried second, and stays taken until the stack
 * ends: a child that is being started again finds its port, and two stacks that start at the same moment do
 * not choose the same one.
 */
export class PortBook {
  readonly #dir: string;
  readonly #taken = new Map<number, Release>();

  constructor(
    private readonly host = '127.0.0.1',
    dir = join(tmpdir(), `rtvoice-ports-${userInfo().uid}`),
  ) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  }

  /** The first of the preferred ports that is free, else the next free one after the last of them. */
  async take(...preferred: (number | undefined)[]): Promise<number> {
    const wanted = preferred.filter((port) => port !== undefined);
    const last = wanted.at(-1) ?? 20_000;
    const following = Array.from({ length: SCAN }, (_, step) => last + 1 + step);
    for (const port of [...wanted, ...following]) if (port <= 65_535 && (await this.#try(port))) return port;
    throw new StackError('RTV_STACK_PORT_IN_USE', `none of the ports ${last}–${last + SCAN} is free`);
  }

  /** Exactly this port. @throws StackError RTV_STACK_PORT_IN_USE */
  async takeExactly(port: number, setting: string): Promise<number> {
    if (await this.#try(port)) return port;
    throw new StackError(
      'RTV_STACK_PORT_IN_USE',
      `${setting}=${port}, but that port is in use. End what holds it, or choose another.`,
    );
  }

  async releaseAll(): Promise<void> {
    const releases = [...this.#taken.values()];
    this.#taken.clear();
    await Promise.all(releases.map((release) => release()));
  }

  async #try(port: number): Promise<boolean> {
    if (this.#taken.has(port)) return false;
    const lock = await tryLock(join(this.#dir, String(port)));
    if (typeof lock !== 'function') return false;
    if (!(await isFree(port, this.host))) {
      await lock();
      return false;
    }
    this.#taken.set(port, lock);
    return true;
  }
}

/** Can one listen on this port now? */
export function isFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
