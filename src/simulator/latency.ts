import { SimError } from './errors.js';
import type { Chance } from './random.js';

/** A uniform range, ms. */
export interface Range {
  readonly minMs: number;
  readonly maxMs: number;
}

/** What the simulated service lets its users wait for. */
export interface Latencies {
  /** REST request received → answer sent; the effect takes place half-way. */
  readonly rest: Range;
  /** Call connected (or a start request answered) → socket being opened. */
  readonly socket: Range;
  /** End of the caller's speech → final transcript sent. */
  readonly final: Range;
  /** Something happened → its callback being posted. */
  readonly event: Range;
}

export const DEFAULT_LATENCIES: Latencies = {
  rest: { minMs: 50, maxMs: 150 },
  socket: { minMs: 100, maxMs: 300 },
  final: { minMs: 300, maxMs: 800 },
  event: { minMs: 10, maxMs: 50 },
};

const NONE: Range = { minMs: 0, maxMs: 0 };

/** No wait anywhere, for tests. */
export const NO_LATENCIES: Latencies = { rest: NONE, socket: NONE, final: NONE, event: NONE };

const NAMES = ['rest', 'socket', 'final', 'event'] as const;

/**
 * Reads `default`, `none`, or a list such as `rest=50-150,final=300` (ms) laid over `base`.
 * Throws RTV_SIM_LATENCY_INVALID.
 */
export function parseLatencies(text: string, base: Latencies = DEFAULT_LATENCIES): Latencies {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed === 'default') return base;
  if (trimmed === 'none') return NO_LATENCIES;
  const result: Record<(typeof NAMES)[number], Range> = { ...base };
  for (const part of trimmed.split(',')) {
    const match = /^\s*([a-z]+)=(\d+)(?:-(\d+))?\s*$/.exec(part);
    const name = NAMES.find((candidate) => candidate === match?.[1]);
    if (!match || !name) {
      throw new SimError(
        'RTV_SIM_LATENCY_INVALID',
        `latency "${part.trim()}" is not one of none, default, ${NAMES.map((n) => `${n}=MIN-MAX`).join(', ')} (ms)`,
      );
    }
    const minMs = Number(match[2]);
    result[name] = { minMs, maxMs: Math.max(minMs, Number(match[3] ?? minMs)) };
  }
  return result;
}

/** As text, in the form that parseLatencies reads; printed with every figure. */
export function describeLatencies(latencies: Latencies): string {
  if (NAMES.every((name) => latencies[name].maxMs === 0)) return 'none';
  return NAMES.map((name) => `${name}=${latencies[name].minMs}-${latencies[name].maxMs}`).join(',');
}

/** Draws one latency, ms. */
export function draw(range: Range, chance: Chance, ...labels: ReadonlyArray<string | number>): number {
  return range.maxMs === 0 ? 0 : chance.between(range.minMs, range.maxMs, 'latency', ...labels);
}
