import type { ProcessRecord } from '../../src/ops/stack-file.js';
import { Child, type ChildSpec } from './child.js';
import { StackError } from './error.js';

const ROTATE_MS = 5000;

/** The order of the end, ms of grace each: who needs whom ends first. */
export interface EndPhase {
  readonly names: readonly string[];
  readonly graceMs: number;
}

/** All children of one stack. None outlives this process. */
export class Family {
  readonly #children = new Map<string, Child>();
  readonly #rotation: NodeJS.Timeout;
  readonly #onExit = (): void => this.killAll();

  constructor(
    private readonly onChange: () => void,
    private readonly say: (line: string) => void,
  ) {
    process.once('exit', this.#onExit);
    this.#rotation = setInterval(() => {
      for (const child of this.all()) child.log.rotate();
    }, ROTATE_MS);
    this.#rotation.unref();
  }

  all(): Child[] {
    return [...this.#children.values()];
  }

  start(...specs: readonly ChildSpec[]): void {
    for (const spec of specs) {
      const child = new Child(spec, { onChange: this.onChange, say: this.say });
      this.#children.set(spec.name, child);
      child.start();
    }
  }

  /** @throws StackError RTV_STACK_ARGUMENTS for a name that is not among them. */
  named(name: string): Child {
    const child = this.#children.get(name);
    if (!child) throw new StackError('RTV_STACK_ARGUMENTS', `there is no child ${name}`);
    return child;
  }

  pidOf(name: string): number | null {
    return this.#children.get(name)?.pid ?? null;
  }

  records(): ProcessRecord[] {
    return this.all().flatMap((child) => child.record ?? []);
  }

  /** Ends them phase by phase; whoever is in no phase ends last. */
  async end(phases: readonly EndPhase[], lastGraceMs: number): Promise<void> {
    for (const { names, graceMs } of [
      ...phases,
      { names: [...this.#children.keys()], graceMs: lastGraceMs },
    ]) {
      const ending = this.all().filter(({ name }) => names.includes(name));
      await Promise.all(ending.map((child) => child.stop('SIGTERM', graceMs)));
    }
    clearInterval(this.#rotation);
    process.off('exit', this.#onExit);
  }

  /** SIGKILL to all of them and to what they started; nothing is awaited. */
  killAll(): void {
    for (const child of this.all()) child.killGroup();
  }
}
