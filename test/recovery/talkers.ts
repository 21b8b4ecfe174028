/** So many calls at once that talk all the time: each is followed by another when it ends. */
import type { CallResult } from '../../src/simulator/core/report.js';
import type { PlaceCall } from '../../src/simulator/core/setup.js';
import { eventually, type StackView } from '../support/stack.js';

export interface TalkersOptions {
  readonly view: StackView;
  /** Calls at once. */
  readonly calls: number;
  /** The n-th call, from 0. */
  call(number: number): PlaceCall;
  readonly signal: AbortSignal;
}

/** Between the starts of two calls, ms: set-up is not what is measured. */
const APART_MS = 120;

export class Talkers {
  readonly results: CallResult[] = [];
  readonly #options: TalkersOptions;
  /** Calls that are connected, with their audio open at least once. */
  readonly #live = new Set<string>();
  #placed = 0;
  #ending = false;
  #lanes: Promise<void> = Promise.resolve();

  constructor(options: TalkersOptions) {
    this.#options = options;
  }

  /** Ids of the calls that talk now. */
  get live(): readonly string[] {
    return [...this.#live];
  }

  /** Starts; resolves once all of them talk. */
  async start(): Promise<void> {
    const { calls } = this.#options;
    this.#lanes = Promise.all(
      Array.from({ length: calls }, async (_, lane) => {
        await new Promise((resolve) => setTimeout(resolve, lane * APART_MS));
        while (!this.#ending && !this.#options.signal.aborted) await this.#talk();
      }),
    ).then(() => undefined);
    this.#lanes.catch(() => undefined);
    await Promise.race([this.all(), this.#lanes]);
  }

  /** Waits until as many calls talk as shall. */
  async all(): Promise<void> {
    await eventually('all calls talk', () => this.#live.size >= this.#options.calls, 120_000);
  }

  /** No more calls; those that live talk to their end. */
  async finish(): Promise<readonly CallResult[]> {
    this.#ending = true;
    await this.#lanes;
    return this.results;
  }

  /** No more calls; callers hang up. */
  async hangUp(): Promise<readonly CallResult[]> {
    this.#ending = true;
    const { simulator } = this.#options.view;
    await Promise.all(
      [...this.#live].map((id) => simulator.json('DELETE', `/calls/${id}`).catch(() => undefined)),
    );
    return this.finish();
  }

  async #talk(): Promise<void> {
    const { view, call, signal } = this.#options;
    let id = '';
    try {
      const result = await view.place(
        call(this.#placed++),
        ({ event, callConnectionId }) => {
          if (event === 'ringing') id = String(callConnectionId);
          if (event === 'media') this.#live.add(id);
        },
        signal,
      );
      this.results.push(result);
    } finally {
      this.#live.delete(id);
    }
  }
}
