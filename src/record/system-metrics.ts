import { dayAfter } from './audit-record.js';
import type { DayRollUp } from './call-facts.js';
import { allOf, failureCode, type RecordContainer, RecordError, type RecordItem } from './record-port.js';

/** What a worker measured at one time: capacity and use. */
export interface MetricsSnapshot {
  /** `${at}-${workerId}` */
  readonly id: string;
  readonly kind: 'snapshot';
  /** UTC day of `at`: the partition. */
  readonly day: string;
  /** ISO 8601. */
  readonly at: string;
  readonly workerId: string;
  /** By name, e.g. redis_used_bytes, redis_max_bytes, redis_keys, connections, calls_live, cosmos_ru. */
  readonly values: Readonly<Record<string, number>>;
  readonly schema: 1;
}

export function snapshotOf(
  at: Date,
  workerId: string,
  values: Readonly<Record<string, number>>,
): MetricsSnapshot {
  const iso = at.toISOString();
  return {
    id: `${iso}-${workerId}`,
    kind: 'snapshot',
    day: iso.slice(0, 10),
    at: iso,
    workerId,
    values,
    schema: 1,
  };
}

/** Snapshots of all workers, one partition a day. */
export class SystemMetrics {
  readonly #container: RecordContainer;
  readonly #ttlSeconds: number | undefined;

  /** @param ttlSeconds after which a snapshot expires; without it, it is kept */
  constructor(container: RecordContainer, ttlSeconds?: number) {
    this.#container = container;
    this.#ttlSeconds = ttlSeconds;
  }

  /** Again is the same. @throws RecordError */
  async record(snapshot: MetricsSnapshot): Promise<void> {
    const ttl = this.#ttlSeconds === undefined ? {} : { ttl: this.#ttlSeconds };
    const outcome = await this.#container.upsert(snapshot.day, {
      ...snapshot,
      ...ttl,
    } as unknown as RecordItem);
    if (outcome.kind !== 'written') throw new RecordError('metrics cannot be written', failureCode(outcome));
  }

  /** A day's snapshots in order of time. @throws RecordError */
  async *ofDay(day: string): AsyncGenerator<MetricsSnapshot> {
    const query = {
      text: 'SELECT * FROM c WHERE c.day = @day ORDER BY c.at ASC',
      parameters: { day },
      limit: 500,
    };
    for await (const item of allOf(this.#container, day, query)) {
      if (item.kind === 'snapshot' && typeof item.values === 'object')
        yield item as unknown as MetricsSnapshot;
    }
  }
}

export interface Spread {
  readonly n: number;
  readonly mean: number;
  readonly max: number;
  readonly last: number;
}

export interface WeeklyReport {
  /** First and last day, both included. */
  readonly from: string;
  readonly to: string;
  readonly calls: number;
  /** Against the week before; absent when that had none. */
  readonly callsChange?: number;
  readonly minutes: number;
  readonly interruptions: number;
  /** Of the calls that have one. */
  readonly costUsd: number;
  /** Calls that have a cost. */
  readonly priced: number;
  readonly tokensIn: number;
  readonly tokensOut: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly days: readonly { readonly day: string; readonly calls: number }[];
  readonly metrics: Readonly<Record<string, Spread & { readonly meanChange?: number }>>;
}

export interface WeekInput {
  readonly snapshots: Iterable<MetricsSnapshot>;
  readonly rollUps: Iterable<DayRollUp>;
}

/** The weekly review: use, capacity and their trend against the week before. `to` is the last day. */
function weeklyReport(to: string, week: WeekInput, before: WeekInput): WeeklyReport {
  const rollUps = new Map([...week.rollUps].map((summary) => [summary.day, summary]));
  const days = Array.from({ length: 7 }, (_, i) => dayAfter(to, i - 6));
  const inWeek = days.flatMap((day) => rollUps.get(day) ?? []);
  const sum = (of: (summary: DayRollUp) => number, list: readonly DayRollUp[] = inWeek): number =>
    list.reduce((total, summary) => total + of(summary), 0);
  const calls = sum((summary) => summary.totals.calls);
  const callsBefore = sum((summary) => summary.totals.calls, [...before.rollUps]);
  const outcomes: Record<string, number> = {};
  for (const summary of inWeek) {
    for (const [outcome, totals] of Object.entries(summary.byOutcome)) {
      outcomes[outcome] = (outcomes[outcome] ?? 0) + totals.calls;
    }
  }
  const spreads = spreadsOf(week.snapshots);
  const earlier = spreadsOf(before.snapshots);
  const metrics = [...spreads].map(([name, spread]) => {
    const meanBefore = earlier.get(name)?.mean;
    const change = meanBefore ? { meanChange: spread.mean / meanBefore - 1 } : {};
    return [name, { ...spread, ...change }] as const;
  });
  return {
    from: days[0] ?? to,
    to,
    calls,
    ...(callsBefore === 0 ? {} : { callsChange: calls / callsBefore - 1 }),
    minutes: sum((summary) => summary.totals.durationMs) / 60_000,
    interruptions: sum((summary) => summary.totals.interruptions),
    costUsd: sum((summary) => summary.totals.costUsd),
    priced: sum((summary) => summary.totals.priced ?? 0),
    tokensIn: sum((summary) => summary.totals.tokensIn),
    tokensOut: sum((summary) => summary.totals.tokensOut),
    outcomes,
    days: days.map((day) => ({ day, calls: rollUps.get(day)?.totals.calls ?? 0 })),
    metrics: Object.fromEntries(metrics),
  };
}

function spreadsOf(snapshots: Iterable<MetricsSnapshot>): Map<string, Spread> {
  const spreads = new Map<string, Spread>();
  for (const { values } of [...snapshots].sort((a, b) => (a.at < b.at ? -1 : 1))) {
    for (const [name, value] of Object.entries(values)) {
      const known = spreads.get(name) ?? { n: 0, mean: 0, max: Number.NEGATIVE_INFINITY, last: 0 };
      const n = known.n + 1;
      const mean = known.mean + (value - known.mean) / n;
      spreads.set(name, { n, mean, max: Math.max(known.max, value), last: value });
    }
  }
  return spreads;
}

/** Reads what the report needs: seven days to `to` and the seven before. @throws RecordError */
export async function readWeeks(
  metrics: SystemMetrics,
  rollUpOf: (day: string) => Promise<DayRollUp | undefined>,
  to: string,
): Promise<WeeklyReport> {
  const read = async (lastDay: string): Promise<WeekInput> => {
    const snapshots: MetricsSnapshot[] = [];
    const rollUps: DayRollUp[] = [];
    for (let back = 6; back >= 0; back--) {
      const day = dayAfter(lastDay, -back);
      for await (const snapshot of metrics.ofDay(day)) snapshots.push(snapshot);
      const summary = await rollUpOf(day);
      if (summary !== undefined) rollUps.push(summary);
    }
    return { snapshots, rollUps };
  };
  return weeklyReport(to, await read(to), await read(dayAfter(to, -7)));
}
