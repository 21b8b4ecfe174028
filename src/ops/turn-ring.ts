/** The latencies of the last turns of this worker, by step: what a histogram's buckets cannot tell of a single call. */

export interface MeasuredTurn {
  readonly callId: string;
  readonly turnId: string;
  /** ms by step. */
  readonly steps: Readonly<Record<string, number>>;
  /** Unix ms. */
  readonly atMs: number;
}

const MOST_TURNS = 2_048;

export class TurnRing {
  readonly #most: number;
  readonly #turns: MeasuredTurn[] = [];
  #count = 0;

  constructor(most = MOST_TURNS) {
    this.#most = most;
  }

  add(turn: Omit<MeasuredTurn, 'atMs'>, atMs = Date.now()): void {
    this.#turns[this.#count % this.#most] = { ...turn, atMs };
    this.#count += 1;
  }

  /** Newest first. @param callId of this call alone */
  newest(limit: number, callId?: string): MeasuredTurn[] {
    const at = this.#count % this.#most;
    const ordered = [...this.#turns.slice(at), ...this.#turns.slice(0, at)].reverse();
    return ordered.filter((turn) => callId === undefined || turn.callId === callId).slice(0, limit);
  }
}
