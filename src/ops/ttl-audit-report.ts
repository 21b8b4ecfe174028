import type { Environment } from '../stores/keys.js';

export type OffenderKind =
  /** Would stay for ever. */
  | 'no_ttl'
  | 'ttl_above_policy'
  /** Neither key nor type is what this version writes: reported, never touched. */
  | 'unknown_shape'
  /** In the live-call index, without a session. */
  | 'orphan_index'
  /** A session of a live call that the live-call index does not have. */
  | 'orphan_session';

export interface TtlAuditReport {
  readonly kind: 'ttl_audit';
  readonly schema: 1;
  /** ISO 8601. */
  readonly at: string;
  readonly environment: Environment;
  readonly repair: boolean;
  /** False when it was ended early. */
  readonly complete: boolean;
  readonly scanned: number;
  readonly offenders: Readonly<Record<OffenderKind, number>>;
  /** All offenders together. */
  readonly total: number;
  /** Keys that got their policy's TTL, and index entries removed. */
  readonly repaired: number;
  /** Calls whose owner was woken. */
  readonly woken: number;
  readonly ms: number;
  /** Some of the offenders; in keys of unknown shape, long numbers are hidden. */
  readonly samples: readonly { readonly kind: OffenderKind; readonly key: string }[];
}

export interface TtlAuditMetrics {
  finished(report: TtlAuditReport): void;
}

const MOST_SAMPLES = 50;
/** Keys remembered, since a scan may bring one twice. */
const MOST_REMEMBERED = 20_000;

/** Counts as the audit goes. */
export class AuditTally {
  scanned = 0;
  repaired = 0;
  woken = 0;
  readonly #environment: Environment;
  readonly #repair: boolean;
  readonly #atMs: number;
  readonly #counts: Record<OffenderKind, number> = {
    no_ttl: 0,
    ttl_above_policy: 0,
    unknown_shape: 0,
    orphan_index: 0,
    orphan_session: 0,
  };
  readonly #seen = new Set<string>();
  readonly #samples: { kind: OffenderKind; key: string }[] = [];

  constructor(environment: Environment, repair: boolean, atMs: number) {
    this.#environment = environment;
    this.#repair = repair;
    this.#atMs = atMs;
  }

  found(kind: OffenderKind, key: string): void {
    const name = `${kind} ${key}`;
    if (this.#seen.has(name)) return;
    if (this.#seen.size < MOST_REMEMBERED) this.#seen.add(name);
    this.#counts[kind] += 1;
    if (this.#samples.length < MOST_SAMPLES) {
      this.#samples.push({ kind, key: kind === 'unknown_shape' ? hidden(key) : key });
    }
  }

  report(ms: number, complete: boolean): TtlAuditReport {
    return {
      kind: 'ttl_audit',
      schema: 1,
      at: new Date(this.#atMs).toISOString(),
      environment: this.#environment,
      repair: this.#repair,
      complete,
      scanned: this.scanned,
      offenders: { ...this.#counts },
      total: Object.values(this.#counts).reduce((sum, count) => sum + count, 0),
      repaired: this.repaired,
      woken: this.woken,
      ms: Math.round(ms),
      samples: [...this.#samples],
    };
  }
}

/** Who knows what somebody put into a key: no telephone number leaves with it. */
const hidden = (key: string): string => key.slice(0, 120).replace(/\d{5,}/g, '#');
