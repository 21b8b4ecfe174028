/**
 * What this worker has (calls with their audio here, transcription sockets), in memory and in its affinity set. The set
 * is what others go by when this worker dies, so a change that Redis did not take, or forgot, is made up for.
 */
export interface AffinityStore {
  add(workerId: string, member: string): Promise<void>;
  release(workerId: string, member: string): Promise<void>;
  members(workerId: string): Promise<readonly string[]>;
}

export interface OwnAffinityTiming {
  /** After a change that failed, ms. */
  readonly againMs: number;
  /** Whatever happened, ms: Redis may have lost the set. */
  readonly lookMs: number;
}

const TIMING: OwnAffinityTiming = { againMs: 1_000, lookMs: 10_000 };

export class OwnAffinity {
  readonly #store: AffinityStore;
  /** This life's id. */
  readonly #id: () => string;
  readonly #timing: OwnAffinityTiming;
  readonly #held = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(store: AffinityStore, id: () => string, timing: OwnAffinityTiming = TIMING) {
    this.#store = store;
    this.#id = id;
    this.#timing = timing;
  }

  start(): void {
    this.#lookIn(this.#timing.lookMs);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Resolves once Redis has it, or did not take it for now. */
  async add(member: string): Promise<void> {
    this.#held.add(member);
    await this.#tried(() => this.#store.add(this.#id(), member));
  }

  async remove(member: string): Promise<void> {
    this.#held.delete(member);
    await this.#tried(() => this.#store.release(this.#id(), member));
  }

  async #tried(change: () => Promise<void>): Promise<void> {
    try {
      await change();
    } catch {
      this.#lookIn(this.#timing.againMs);
    }
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#look().then(
        () => this.#lookIn(this.#timing.lookMs),
        () => this.#lookIn(this.#timing.againMs),
      );
    }, ms).unref();
  }

  /** Brings the set in line with memory; a change under way meanwhile is made twice, and is the same. */
  async #look(): Promise<void> {
    const id = this.#id();
    const there = new Set(await this.#store.members(id));
    const missing = [...this.#held].filter((member) => !there.has(member));
    const over = [...there].filter((member) => !this.#held.has(member));
    await Promise.all([
      ...missing.map((member) => this.#store.add(id, member)),
      ...over.map((member) => this.#store.release(id, member)),
    ]);
  }
}
