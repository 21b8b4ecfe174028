/** Reports of the TTL audit, kept beside the metrics of their day: what the daily compliance report is made of. */
import { failureCode, type RecordContainer, RecordError, type RecordItem } from './record-port.js';

export interface KeptReport {
  readonly kind: 'ttl_audit';
  /** ISO 8601; it names the report. */
  readonly at: string;
}

export class RetentionReports {
  readonly #container: RecordContainer;
  readonly #ttlSeconds: number;

  /** @param ttlSeconds after which a report expires */
  constructor(container: RecordContainer, ttlSeconds: number) {
    this.#container = container;
    this.#ttlSeconds = ttlSeconds;
  }

  /** Again is the same. @throws RecordError */
  async record(report: KeptReport): Promise<void> {
    const day = report.at.slice(0, 10);
    const item = { ...report, id: `${report.kind}-${report.at}`, day, ttl: this.#ttlSeconds };
    const outcome = await this.#container.upsert(day, item as unknown as RecordItem);
    if (outcome.kind !== 'written') throw new RecordError('a report cannot be written', failureCode(outcome));
  }
}
