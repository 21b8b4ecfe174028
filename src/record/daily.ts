/**
 * Daily roll-ups that miss no day: a note says up to which day all are made, and each run makes those that are missing.
 * A call that is recorded after its day was rolled up leaves a mark, and its day is made again.
 */
import type { Analytics } from './analytics.js';
import { dayAfter, dayOf } from './audit-record.js';
import { allOf, failureCode, type RecordContainer, RecordError, type RecordItem } from './record-port.js';

/** Partition of the note and the marks, among the days. */
const NOTES = 'notes';
const NOTE_ID = 'rollup-note';
/** Without a note, days are made from so many back. */
const FIRST_DAYS = 35;
/** Clocks of workers differ by less, ms: a day is made so long after its end, marks are looked for so far back. */
const SKEW_MS = 600_000;

interface Note {
  /** All days up to this one are rolled up. */
  readonly throughDay: string;
  /** Time of the newest mark that was seen, ISO 8601. */
  readonly marksThrough: string;
  /** Marks that the next look finds again: day and time. */
  readonly marksSeen: Readonly<Record<string, string>>;
}

export interface DailyRun {
  /** Days that were made for the first time, in order. */
  readonly made: readonly string[];
  /** Days that were made again for late calls. */
  readonly again: readonly string[];
}

export class DailyRollUps {
  readonly #container: RecordContainer;
  readonly #analytics: Analytics;

  /** @param container of the analytics */
  constructor(container: RecordContainer, analytics: Analytics) {
    this.#container = container;
    this.#analytics = analytics;
  }

  /** A call of this day was recorded: when the day is over, its roll-up has to be made again. @throws RecordError */
  async recorded(day: string, nowMs: number): Promise<void> {
    if (day >= dayOf(nowMs)) return;
    const at = new Date(nowMs).toISOString();
    const mark: RecordItem = { id: `late-${day}`, day: NOTES, kind: 'late', lateDay: day, startedAt: at };
    const outcome = await this.#container.upsert(NOTES, mark);
    if (outcome.kind !== 'written')
      throw new RecordError('a late call cannot be noted', failureCode(outcome));
  }

  /** Makes what is missing, and today's so far. Runs at any time, as often as wanted. @throws RecordError */
  async run(nowMs: number): Promise<DailyRun> {
    const today = dayOf(nowMs);
    const note = (await this.#note()) ?? {
      throughDay: dayAfter(today, -FIRST_DAYS - 1),
      marksThrough: new Date(0).toISOString(),
      marksSeen: {},
    };
    let { throughDay } = note;
    const made: string[] = [];
    const over = dayOf(nowMs - SKEW_MS);
    for (let day = dayAfter(throughDay); day < over; day = dayAfter(day)) {
      await this.#analytics.rollUpDay(day);
      // After each: a run that ends half-way has not been for nothing.
      await this.#keep({ ...note, throughDay: day });
      throughDay = day;
      made.push(day);
    }
    const marks = await this.#marksSince(note.marksThrough);
    const news = marks.filter(({ day, at }) => note.marksSeen[day] !== at);
    const again = news.map(({ day }) => day).filter((day) => day <= throughDay && !made.includes(day));
    for (const day of again) await this.#analytics.rollUpDay(day);
    const newest = marks.at(-1)?.at;
    if (news.length > 0 && newest !== undefined) {
      const marksSeen = Object.fromEntries(marks.map(({ day, at }) => [day, at]));
      await this.#keep({ throughDay, marksThrough: newest, marksSeen });
    }
    await this.#analytics.rollUpDay(today);
    return { made, again };
  }

  async #note(): Promise<Note | undefined> {
    const outcome = await this.#container.read(NOTES, NOTE_ID);
    if (outcome.kind === 'absent') return undefined;
    if (outcome.kind !== 'found')
      throw new RecordError('the roll-up note cannot be read', failureCode(outcome));
    const { throughDay, marksThrough, marksSeen } = outcome.item;
    if (typeof throughDay !== 'string' || typeof marksThrough !== 'string') return undefined;
    return { throughDay, marksThrough, marksSeen: (marksSeen ?? {}) as Note['marksSeen'] };
  }

  async #keep(note: Note): Promise<void> {
    const item: RecordItem = { id: NOTE_ID, day: NOTES, kind: 'note', ...note };
    const outcome = await this.#container.upsert(NOTES, item);
    if (outcome.kind !== 'written')
      throw new RecordError('the roll-up note cannot be written', failureCode(outcome));
  }

  async #marksSince(since: string): Promise<{ readonly day: string; readonly at: string }[]> {
    const from = new Date(Math.max(0, Date.parse(since) - SKEW_MS)).toISOString();
    const query = {
      text: 'SELECT * FROM c WHERE c.day = @day AND c.kind = @kind AND c.startedAt >= @from ORDER BY c.startedAt ASC',
      parameters: { day: NOTES, kind: 'late', from },
    };
    const marks = [];
    for await (const { lateDay, startedAt } of allOf(this.#container, NOTES, query)) {
      if (typeof lateDay === 'string' && typeof startedAt === 'string')
        marks.push({ day: lateDay, at: startedAt });
    }
    return marks;
  }
}
