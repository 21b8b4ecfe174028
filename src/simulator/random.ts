/**
 * Chance without a stream: each number is a hash of the seed and of the labels that name the decision. Parallel
 * requests may come in any order, and the n-th 503 of an operation still falls on the same request.
 */
export class Chance {
  readonly seed: number;

  constructor(seed: number) {
    this.seed = seed >>> 0;
  }

  /** A number in [0, 1) that depends on the seed and the labels alone. */
  unit(...labels: ReadonlyArray<string | number>): number {
    let hash = mix(this.seed ^ 0x9e3779b9);
    for (const label of labels) {
      const text = String(label);
      for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
      hash = mix(hash ^ text.length);
    }
    return mix(hash) / 0x1_0000_0000;
  }

  /** True with probability p. */
  hits(p: number, ...labels: ReadonlyArray<string | number>): boolean {
    return p > 0 && this.unit(...labels) < p;
  }

  /** Uniform in [min, max). */
  between(min: number, max: number, ...labels: ReadonlyArray<string | number>): number {
    return min + (max - min) * this.unit(...labels);
  }

  /** A chance of its own for a named part, for instance one call of a load. */
  fork(...labels: ReadonlyArray<string | number>): Chance {
    return new Chance(Math.floor(this.unit('fork', ...labels) * 0x1_0000_0000));
  }
}

/** Finalizer of murmur3: each input bit reaches each output bit. */
function mix(value: number): number {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
