import type { SimulatorSettings } from '../settings.js';
import type { Call } from './call.js';

/** The calls of a simulator: live ones, and the last of the finished ones. */
export class Registry {
  readonly #keepCalls: number;
  readonly #keepRecordings: number;
  readonly #byId = new Map<string, Call>();
  readonly #byContext = new Map<string, Call>();
  readonly #finished: string[] = [];
  readonly #recorded: string[] = [];
  #live = 0;

  constructor(settings: Pick<SimulatorSettings, 'keepCalls' | 'keepRecordings'>) {
    this.#keepCalls = settings.keepCalls;
    this.#keepRecordings = settings.keepRecordings;
  }

  get live(): number {
    return this.#live;
  }

  add(call: Call): void {
    this.#byId.set(call.id, call);
    this.#byContext.set(call.incomingCallContext, call);
    this.#live += 1;
  }

  byId(id: string): Call | undefined {
    return this.#byId.get(id);
  }

  byContext(context: string): Call | undefined {
    return this.#byContext.get(context);
  }

  byServerCallId(id: string): Call | undefined {
    for (const call of this.#byId.values()) if (call.serverCallId === id && !call.ended) return call;
    return undefined;
  }

  /** All live calls. */
  all(): Call[] {
    return [...this.#byId.values()].filter((call) => !call.ended);
  }

  /** Moves a call to the finished ones and forgets the oldest of them. */
  finish(call: Call): void {
    this.#live -= 1;
    this.#finished.push(call.id);
    if (call.recorder !== undefined) this.#recorded.push(call.id);
    while (this.#recorded.length > this.#keepRecordings) {
      const oldest = this.#byId.get(this.#recorded.shift() ?? '');
      if (oldest) oldest.recorder = undefined;
    }
    while (this.#finished.length > this.#keepCalls) {
      const oldest = this.#byId.get(this.#finished.shift() ?? '');
      if (!oldest) continue;
      this.#byId.delete(oldest.id);
      this.#byContext.delete(oldest.incomingCallContext);
    }
  }
}
