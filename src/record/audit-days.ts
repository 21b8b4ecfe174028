import {
  type AuditHead,
  type AuditRecord,
  dayAfter,
  headId,
  parseHead,
  parseRecord,
} from './audit-record.js';
import { failureCode, type RecordContainer, RecordError, type RecordItem } from './record-port.js';

/** Partition and id of the note that says which day was opened last; it makes a removed last day show. */
const POINTER = 'pointer';
/** Days looked back for the last day with records where the note is behind. */
const LOOK_BACK_DAYS = 7;

export interface FoundHead {
  readonly head: AuditHead;
  readonly etag: string;
}

/** @throws RecordError when it cannot be read */
export async function readHead(container: RecordContainer, day: string): Promise<FoundHead | undefined> {
  const outcome = await container.read(day, headId(day));
  if (outcome.kind === 'absent') return undefined;
  if (outcome.kind !== 'found') throw new RecordError('an audit head cannot be read', failureCode(outcome));
  const head = parseHead(outcome.item);
  if (head === undefined) throw new RecordError('an audit head cannot be read', 'unreadable');
  return { head, etag: outcome.etag };
}

/** The day that was opened last, as the note says. @throws RecordError when it cannot be read */
export async function readPointer(container: RecordContainer): Promise<string | undefined> {
  const outcome = await container.read(POINTER, POINTER);
  if (outcome.kind === 'absent') return undefined;
  if (outcome.kind !== 'found')
    throw new RecordError('the audit pointer cannot be read', failureCode(outcome));
  const { lastDay } = outcome.item;
  return typeof lastDay === 'string' ? lastDay : undefined;
}

/** Moves the note on to `day`, never back. */
export async function movePointer(container: RecordContainer, day: string): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const outcome = await container.read(POINTER, POINTER);
    const item: RecordItem = { id: POINTER, day: POINTER, kind: 'pointer', lastDay: day };
    if (outcome.kind === 'absent') {
      if ((await container.create(POINTER, item)).kind === 'created') return;
    } else if (outcome.kind === 'found') {
      const { lastDay } = outcome.item;
      if (typeof lastDay === 'string' && lastDay >= day) return;
      if ((await container.replace(POINTER, item, outcome.etag)).kind === 'replaced') return;
    }
  }
  throw new RecordError('the audit pointer cannot be moved', 'contended');
}

/** The last day before `day` that has a head. @throws RecordError when it cannot be read */
export async function lastDayBefore(container: RecordContainer, day: string): Promise<FoundHead | undefined> {
  const pointer = await readPointer(container);
  // Days after the note are looked at too: a writer may have died between opening a day and moving the note.
  for (let back = 1; back <= LOOK_BACK_DAYS; back++) {
    const candidate = dayAfter(day, -back);
    if (pointer !== undefined && candidate <= pointer) break;
    const found = await readHead(container, candidate);
    if (found !== undefined) return found;
  }
  return pointer === undefined || pointer >= day ? undefined : readHead(container, pointer);
}

/** Records `fromN` to `toN` of a day in order. @throws RecordError when they cannot be read */
export async function* recordsOf(
  container: RecordContainer,
  day: string,
  fromN = 1,
  toN = Number.MAX_SAFE_INTEGER,
): AsyncGenerator<AuditRecord | RecordItem> {
  // Pages by `n`, not by continuation: records are added while this runs.
  const size = 200;
  let from = fromN;
  while (from <= toN) {
    const page = await container.query(day, {
      text: 'SELECT * FROM c WHERE c.day = @day AND c.n >= @from AND c.n <= @to ORDER BY c.n ASC',
      parameters: { day, from, to: toN },
      limit: size,
    });
    if (page.kind !== 'page') throw new RecordError('audit records cannot be read', failureCode(page));
    for (const item of page.items) yield parseRecord(item) ?? item;
    const last = page.items.at(-1)?.n;
    if (page.items.length === 0 || typeof last !== 'number') return;
    from = last + 1;
  }
}
