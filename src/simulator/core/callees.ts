import type { PlaceCall } from './setup.js';

/** How a called number behaves: the setup of its call, by default the demonstration. */
export type Callee = Pick<
  PlaceCall,
  | 'script'
  | 'seed'
  | 'faults'
  | 'latency'
  | 'voice'
  | 'record'
  | 'patienceMs'
  | 'agentSilenceMs'
  | 'ringMs'
  | 'maxMs'
>;

const MAX_CALLEES = 1000;

/** What is known of the parties that an application may call with createCall. */
export class Callees {
  readonly #byRawId = new Map<string, Callee>();

  set(rawId: string, callee: Callee): void {
    this.#byRawId.delete(rawId);
    this.#byRawId.set(rawId, callee);
    const oldest = this.#byRawId.keys().next();
    if (this.#byRawId.size > MAX_CALLEES && !oldest.done) this.#byRawId.delete(oldest.value);
  }

  get(rawId: string): Callee {
    return this.#byRawId.get(rawId) ?? {};
  }
}
