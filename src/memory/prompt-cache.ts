import { LRUCache } from 'lru-cache';
import { MemoryError } from './errors.js';

export interface PromptCacheOptions {
  /** Makes or fetches a prompt. Must end when the signal aborts. */
  readonly load: (name: string, signal: AbortSignal) => Promise<string>;
  /** Prompts kept, bytes of UTF-8 with their names. Default 4 MiB. */
  readonly maxBytes?: number;
  /** Age after which a prompt is loaded again, ms. Without it, never. */
  readonly ttlMs?: number;
  /** Longest wait for a load, ms. Default 5,000. */
  readonly deadlineMs?: number;
  /** Different prompts loaded at once. Default 64. */
  readonly maxLoads?: number;
}

/** Counters since the start, and what is held now. */
export interface PromptCacheStats {
  readonly hits: number;
  /** Requests that joined a load under way. */
  readonly joined: number;
  readonly loads: number;
  readonly failures: number;
  readonly bytes: number;
  readonly prompts: number;
}

interface Flight {
  readonly prompt: Promise<string>;
  /** Forgotten while it was loading: its result is for those who wait, not for the cache. */
  stale: boolean;
}

/** Prompts in memory: bounded in bytes, one load for all who ask for the same at once, failures not remembered. */
export class PromptCache {
  readonly #load: PromptCacheOptions['load'];
  readonly #deadlineMs: number;
  readonly #maxLoads: number;
  readonly #prompts: LRUCache<string, string>;
  readonly #flights = new Map<string, Flight>();
  #hits = 0;
  #joined = 0;
  #loads = 0;
  #failures = 0;

  constructor(options: PromptCacheOptions) {
    this.#load = options.load;
    this.#deadlineMs = options.deadlineMs ?? 5_000;
    this.#maxLoads = options.maxLoads ?? 64;
    this.#prompts = new LRUCache({
      maxSize: options.maxBytes ?? 4 * 1024 * 1024,
      sizeCalculation: (prompt, name) => Math.max(1, Buffer.byteLength(prompt) + Buffer.byteLength(name)),
      ...(options.ttlMs === undefined ? {} : { ttl: options.ttlMs }),
    });
  }

  /** A prompt by name. @throws MemoryError RTV_MEMORY_PROMPT_UNAVAILABLE: too many loads, too late, or `load` failed */
  get(name: string): Promise<string> {
    const held = this.#prompts.get(name);
    if (held !== undefined) {
      this.#hits += 1;
      return Promise.resolve(held);
    }
    const flight = this.#flights.get(name);
    if (flight) {
      this.#joined += 1;
      return flight.prompt;
    }
    if (this.#flights.size >= this.#maxLoads) {
      return Promise.reject(
        new MemoryError('RTV_MEMORY_PROMPT_UNAVAILABLE', 'too many prompts are being loaded'),
      );
    }
    return this.#takeOff(name);
  }

  /** Forgets a prompt, or all of them; loads under way end without being kept. */
  invalidate(name?: string): void {
    for (const [loading, flight] of this.#flights) {
      if (name !== undefined && loading !== name) continue;
      flight.stale = true;
      this.#flights.delete(loading);
    }
    if (name === undefined) this.#prompts.clear();
    else this.#prompts.delete(name);
  }

  get stats(): PromptCacheStats {
    return {
      hits: this.#hits,
      joined: this.#joined,
      loads: this.#loads,
      failures: this.#failures,
      bytes: this.#prompts.calculatedSize,
      prompts: this.#prompts.size,
    };
  }

  #takeOff(name: string): Promise<string> {
    this.#loads += 1;
    const flight: Flight = { prompt: this.#fetch(name), stale: false };
    this.#flights.set(name, flight);
    const landed = (): void => {
      if (this.#flights.get(name) === flight) this.#flights.delete(name);
    };
    flight.prompt.then(
      (prompt) => {
        if (!flight.stale) this.#prompts.set(name, prompt);
        landed();
      },
      () => {
        this.#failures += 1;
        landed();
      },
    );
    return flight.prompt;
  }

  async #fetch(name: string): Promise<string> {
    const controller = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        controller.abort();
        reject(new Error('no answer in time'));
      }, this.#deadlineMs);
    });
    try {
      return await Promise.race([this.#load(name, controller.signal), late]);
    } catch (cause) {
      throw new MemoryError('RTV_MEMORY_PROMPT_UNAVAILABLE', 'the prompt could not be loaded', { cause });
    } finally {
      clearTimeout(timer);
    }
  }
}
