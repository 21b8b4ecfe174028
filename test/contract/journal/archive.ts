/** A transcript store in memory with the one property that matters: documents are created, never replaced. */
import type { TurnDocument } from '../../../src/actors/ports.js';
import type { ArchivedTurn } from '../../../src/call/ledger.js';

export class MemoryArchive {
  readonly #documents = new Map<string, TurnDocument>();

  create(document: TurnDocument): 'created' | 'same' | 'other' {
    const held = this.#documents.get(document.id);
    if (!held) this.#documents.set(document.id, document);
    if (!held) return 'created';
    return held.turnId === document.turnId ? 'same' : 'other';
  }

  turns(): ArchivedTurn[] {
    return this.documents();
  }

  has(turnId: string): boolean {
    return this.documents().some((document) => document.turnId === turnId);
  }

  /** In transcript order. */
  documents(): TurnDocument[] {
    return [...this.#documents.values()].sort((a, b) => a.seq - b.seq);
  }
}

export interface Tellers {
  archived(turns: readonly ArchivedTurn[]): Promise<void>;
  conflict(): Promise<void>;
}

/** One worker's archiver: in order; what follows a conflict is given back with it. */
export class WorkerArchiver {
  readonly #archive: MemoryArchive;
  readonly #tell: Tellers;
  #queue: TurnDocument[] = [];

  constructor(archive: MemoryArchive, tell: Tellers) {
    this.#archive = archive;
    this.#tell = tell;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  offer(document: TurnDocument): boolean {
    const held = this.#queue.find(({ id }) => id === document.id);
    if (held) return held.turnId === document.turnId;
    this.#queue.push(document);
    this.#queue.sort((a, b) => a.seq - b.seq);
    return true;
  }

  withdraw(): void {
    this.#queue = [];
  }

  /** Writes at most `count` documents. `mute`: their owners are not told. */
  async run(count: number, mute = false): Promise<void> {
    for (let done = 0; done < count; done += 1) {
      const [document] = this.#queue.splice(0, 1);
      if (!document) return;
      const { seq, turnId } = document;
      if (this.#archive.create(document) === 'other') {
        this.#queue = [];
        await this.#tell.conflict();
      } else if (!mute) {
        await this.#tell.archived([{ seq, turnId }]);
      }
    }
  }
}
