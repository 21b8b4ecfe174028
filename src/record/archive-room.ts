/** What of documents waits for the archive, against the bounds: how many, how heavy, and since when each. */
import type { ArchiverMetrics } from './archiver-options.js';
import type { ArchiveDocument } from './documents.js';
import { weightOf } from './lane.js';

export interface RoomBounds {
  readonly documents: number;
  readonly bytes: number;
}

export const ROOM: RoomBounds = { documents: 20_000, bytes: 64 * 1024 * 1024 };

export class ArchiveRoom {
  readonly #bounds: RoomBounds;
  readonly #backlog: ArchiverMetrics['backlog'] | undefined;
  readonly #since = new WeakMap<ArchiveDocument, number>();
  #documents = 0;
  #bytes = 0;

  constructor(bounds: RoomBounds, backlog?: ArchiverMetrics['backlog']) {
    this.#bounds = bounds;
    this.#backlog = backlog;
  }

  get documents(): number {
    return this.#documents;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** One document always fits, however large: else it could never be written. */
  fits(doc: ArchiveDocument): boolean {
    const { documents, bytes } = this.#bounds;
    if (this.#documents === 0) return true;
    return this.#documents < documents && this.#bytes + weightOf(doc) <= bytes;
  }

  take(doc: ArchiveDocument, nowMs: number): void {
    this.#documents++;
    this.#bytes += weightOf(doc);
    this.#since.set(doc, nowMs);
  }

  /** Written, or given back. */
  leave(doc: ArchiveDocument): void {
    this.#documents--;
    this.#bytes -= weightOf(doc);
    this.#backlog?.(this.#documents, this.#bytes);
  }

  /** ms of the clock; undefined for a document that was never taken. */
  since(doc: ArchiveDocument): number | undefined {
    return this.#since.get(doc);
  }

  empty(): void {
    this.#documents = 0;
    this.#bytes = 0;
  }
}
