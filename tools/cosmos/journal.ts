import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { StandInError } from './errors.js';

/** A stored resource as the server holds it, system fields (_rid, _etag, _ts) included. */
export type Resource = { id: string; _rid: string; [field: string]: unknown };

/**
 * The outcome of one write, so that a replay needs no request, no clock and no etag check.
 * `doc` null is a deletion; `n` is the count from which the next _rid of that parent is made.
 */
export type Entry =
  | { t: 'db'; id: string; n: number; doc: Resource | null }
  | { t: 'coll'; db: string; id: string; n: number; doc: Resource | null }
  | { t: 'doc'; db: string; coll: string; pk: unknown; id: string; n: number; doc: Resource | null };

const FILE = 'journal.ndjson';
const NEWLINE = 0x0a;
/** Entries in one line of a snapshot. */
const SNAPSHOT_LINE = 200;

/** What a replay met. */
export interface Replay {
  entries: number;
  /** Bytes of a last line that a crash cut off; it was never answered. */
  tornBytes: number;
}

/** Reads a journal from its start, handing each entry to `apply`. A missing file is an empty one. */
export async function replay(folder: string, apply: (entry: Entry) => void): Promise<Replay> {
  let rest: Buffer[] = [];
  let entries = 0;
  let lines = 0;
  const take = (line: Buffer): void => {
    lines += 1;
    let group: Entry[];
    try {
      group = JSON.parse(line.toString('utf8')) as Entry[];
    } catch (cause) {
      throw new StandInError(
        'RTV_STACK_COSMOS_JOURNAL',
        `line ${lines} of ${join(folder, FILE)} is damaged`,
        {
          cause,
        },
      );
    }
    for (const entry of group) apply(entry);
    entries += group.length;
  };
  try {
    for await (const chunk of createReadStream(join(folder, FILE), { highWaterMark: 1 << 20 })) {
      const bytes = chunk as Buffer;
      let start = 0;
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
        take(Buffer.concat([...rest, bytes.subarray(start, end)]));
        rest = [];
        start = end + 1;
      }
      if (start < bytes.length) rest.push(bytes.subarray(start));
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return { entries, tornBytes: rest.reduce((sum, part) => sum + part.length, 0) };
}

/** Puts a snapshot in the journal's place, whole or not at all. */
export async function compact(folder: string, snapshot: Iterable<Entry>): Promise<void> {
  const draft = join(folder, `${FILE}.tmp`);
  const handle = await open(draft, 'w', 0o600);
  try {
    let group: string[] = [];
    for (const entry of snapshot) {
      group.push(JSON.stringify(entry));
      if (group.length < SNAPSHOT_LINE) continue;
      await handle.appendFile(`[${group.join(',')}]\n`);
      group = [];
    }
    if (group.length > 0) await handle.appendFile(`[${group.join(',')}]\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, join(folder, FILE));
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/**
 * The append-only file behind the stand-in. Writes that arrive while one is being synced share the
 * next sync (group commit); one group is one line, so a crash keeps all of it or nothing.
 */
export class Journal {
  readonly #file: FileHandle;
  #pending: string[] = [];
  #written: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(folder: string): Promise<Journal> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return new Journal(await open(join(folder, FILE), 'a', 0o600));
  }

  /** Queues an entry. It is durable once a later {@link committed} resolves. */
  append(entry: Entry): void {
    this.#pending.push(JSON.stringify(entry));
  }

  /** Resolves when all that was appended before is on disk; rejects for good once a write failed. */
  committed(): Promise<void> {
    if (this.#pending.length === 0) return this.#next ?? this.#written;
    this.#next ??= this.#written.then(() => this.#write());
    return this.#next;
  }

  async close(): Promise<void> {
    await this.committed();
    await this.#file.close();
  }

  async #write(): Promise<void> {
    const group = this.#pending;
    this.#pending = [];
    this.#written = this.#next ?? this.#written;
    this.#next = undefined;
    await this.#file.appendFile(`[${group.join(',')}]\n`);
    await this.#file.datasync();
  }
}
