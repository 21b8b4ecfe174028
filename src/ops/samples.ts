/**
 * The newest raw measurements, for figures that a histogram's buckets are too coarse for. Served to benches behind
 * the app token; labels are those of the metrics, so no personal data can be among them.
 */

/** Samples kept of one series: a bench of 300 calls has some 4,000 turns. */
const MOST_SAMPLES = 8_192;
/** Series kept; labels are of small, fixed sets, so this is never reached unless one of them is not. */
const MOST_SERIES = 128;

export type SampleLabels = Readonly<Record<string, string>>;

export interface SampleSeries {
  readonly name: string;
  readonly labels: SampleLabels;
  /** Measured in all; more than there are values once the oldest were dropped. */
  readonly count: number;
  /** The newest, in no order; ms. */
  readonly values: readonly number[];
}

interface Ring {
  readonly name: string;
  readonly labels: SampleLabels;
  values: number[];
  count: number;
}

export class Samples {
  readonly #most: number;
  readonly #rings = new Map<string, Ring>();

  constructor(most = MOST_SAMPLES) {
    this.#most = most;
  }

  record(name: string, value: number, labels: SampleLabels = {}): void {
    const key = `${name} ${Object.values(labels).join(' ')}`;
    let ring = this.#rings.get(key);
    if (!ring) {
      if (this.#rings.size >= MOST_SERIES) return;
      ring = { name, labels, values: [], count: 0 };
      this.#rings.set(key, ring);
    }
    ring.values[ring.count % this.#most] = value;
    ring.count += 1;
  }

  all(): SampleSeries[] {
    return [...this.#rings.values()].map((ring) => ({ ...ring, values: [...ring.values] }));
  }

  /** Forgets everything: what was measured while warming up. */
  clear(): void {
    this.#rings.clear();
  }
}
