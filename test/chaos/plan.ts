/** What goes wrong, and when: drawn from a seed, so that a run that failed can be tried again. Pure. */
import { Chance } from '../../src/simulator/random.js';

/**
 * - app, sidecar, both: SIGKILL to a worker's process or processes
 * - redis, cosmos, scheduler, placement: SIGKILL; the runner starts them again
 * - pause: SIGSTOP of a worker's app, later SIGCONT
 * - cut: nothing passes between a worker with its sidecar and all others any more; no connection is reset
 * - healthGap: a worker's sidecar hears 503 from its app's /healthz
 */
export const FAULT_KINDS = [
  'app',
  'sidecar',
  'both',
  'redis',
  'cosmos',
  'scheduler',
  'placement',
  'pause',
  'cut',
  'healthGap',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface PlannedFault {
  /** From the begin of the run, ms. */
  readonly atMs: number;
  readonly kind: FaultKind;
  /** From 1; absent where the fault is no worker's. */
  readonly worker?: number;
  /** How long it lasts, ms; absent where it is one blow. */
  readonly forMs?: number;
}

export interface PlanOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly workers: number;
  /** Mean time between two faults, ms. */
  readonly everyMs: number;
  /** Kinds to draw from; all of them unless given. */
  readonly kinds?: readonly FaultKind[];
}

/** How often a kind is in the deck that is drawn from, and how long it lasts where it lasts, ms. */
const DECK: Readonly<Record<FaultKind, { cards: number; lasts?: readonly [number, number] }>> = {
  app: { cards: 2 },
  sidecar: { cards: 2 },
  both: { cards: 2 },
  redis: { cards: 2 },
  cosmos: { cards: 1 },
  scheduler: { cards: 1 },
  placement: { cards: 1 },
  pause: { cards: 2, lasts: [2_500, 12_000] },
  cut: { cards: 1, lasts: [4_000, 15_000] },
  healthGap: { cards: 1, lasts: [3_000, 7_000] },
};
const OF_A_WORKER: ReadonlySet<FaultKind> = new Set(['app', 'sidecar', 'both', 'pause', 'cut', 'healthGap']);
/** Calls have begun before the first fault, and are under way at the last one. */
const QUIET_BEGIN_MS = 8_000;
const QUIET_END_MS = 5_000;

/** The faults of a run in the order of their times. Every kind comes up before one comes up too often. */
export function planFaults(options: PlanOptions): PlannedFault[] {
  const { durationMs, everyMs, workers } = options;
  const chance = new Chance(options.seed).fork('faults');
  const kinds = options.kinds ?? FAULT_KINDS;
  const faults: PlannedFault[] = [];
  let deck: FaultKind[] = [];
  let decks = 0;
  let atMs = QUIET_BEGIN_MS;
  for (let number = 0; atMs < durationMs - QUIET_END_MS; number += 1) {
    if (deck.length === 0) {
      deck = shuffled(kinds, chance.fork('deck', decks));
      decks += 1;
    }
    const kind = deck.pop() ?? 'app';
    const { lasts } = DECK[kind];
    faults.push({
      atMs: Math.round(atMs),
      kind,
      ...(OF_A_WORKER.has(kind)
        ? { worker: 1 + Math.floor(chance.between(0, workers, 'worker', number)) }
        : {}),
      ...(lasts ? { forMs: Math.round(chance.between(...lasts, 'lasts', number)) } : {}),
    });
    atMs += chance.between(everyMs / 2, everyMs * 1.5, 'wait', number);
  }
  return faults;
}

function shuffled(kinds: readonly FaultKind[], chance: Chance): FaultKind[] {
  const cards = kinds.flatMap((kind) => Array.from({ length: DECK[kind].cards }, () => kind));
  return cards
    .map((kind, index) => ({ kind, place: chance.unit(index) }))
    .sort((a, b) => a.place - b.place)
    .map(({ kind }) => kind);
}
