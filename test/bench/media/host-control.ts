/** Starts a media worker in a process of its own, and asks it. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { HostAnswers, HostMessage, HostOptions, HostRequest } from './host-messages.js';

const FILE = fileURLToPath(new URL('./host.js', import.meta.url));
const READY_MS = 60_000;
const ANSWER_MS = 30_000;

export class Host {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (value: unknown) => void>();
  #lastId = 0;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
    child.on('message', (message: HostMessage) => {
      if (message.kind !== 'answer') return;
      this.#waiting.get(message.id)?.(message.value);
      this.#waiting.delete(message.id);
    });
  }

  static async start(options: Partial<HostOptions> = {}): Promise<Host> {
    const settings: HostOptions = { bargeIn: true, voiceActivity: true, ...options };
    const child = fork(FILE, [JSON.stringify(settings)], {
      execArgv: ['--expose-gc', ...(process.env.RTVOICE_BENCH_NODE ?? '').split(' ').filter(Boolean)],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const port = await new Promise<number>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the media worker does not start')), READY_MS);
      child.once('exit', (code) => reject(new Error(`the media worker ended with ${code}`)));
      child.once('message', (message: HostMessage) => {
        clearTimeout(timer);
        if (message.kind === 'ready') resolve(message.port);
      });
    });
    return new Host(child, port);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  async ask<K extends HostRequest['kind']>(request: HostRequest & { kind: K }): Promise<HostAnswers[K]> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new Error(`no answer to ${request.kind}`));
      }, ANSWER_MS);
      this.#waiting.set(id, (value) => {
        clearTimeout(timer);
        resolve(value as HostAnswers[K]);
      });
      this.#child.send({ ...request, id });
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    await new Promise<void>((resolve) => {
      this.#child.once('exit', () => resolve());
      this.#child.kill('SIGTERM');
    });
  }
}
