import { dayAfter } from './audit-record.js';
import { type CallAnalytics, type DayRollUp, parseCall, parseRollUp, rollUp } from './call-facts.js';
import {
  allOf,
  failureCode,
  type RecordContainer,
  RecordError,
  type RecordItem,
  type RecordQuery,
} from './record-port.js';

/** What calls are looked for. Days are UTC, YYYY-MM-DD, both included; at most `MAX_DAYS`. */
export interface CallSearch {
  readonly fromDay: string;
  readonly toDay: string;
  /** Calls that started at or after this instant, and before that one; ISO 8601 in UTC. */
  readonly from?: string;
  readonly before?: string;
  readonly agent?: string;
  readonly outcome?: string;
  /** What the check of the transcript found. */
  readonly transcript?: string;
  readonly subjectHash?: string;
  /** Most calls of a page, 1 to 500. Default 50. */
  readonly limit?: number;
  /** Of the page before. */
  readonly continuation?: string;
}

export interface CallPage {
  /** Newest day first, newest call first. */
  readonly calls: readonly CallAnalytics[];
  /** Absent on the last page. */
  readonly continuation?: string;
}

const MAX_DAYS = 366;
/** Days looked through for one page: a year without a call must not be one request. */
const DAYS_A_PAGE = 31;

/** Per-call analytics and their daily roll-ups. Every query stays within one day's partition. */
export class Analytics {
  readonly #container: RecordContainer;

  constructor(container: RecordContainer) {
    this.#container = container;
  }

  /** Written under the call's own id: again is the same. @throws RecordError */
  async record(call: CallAnalytics): Promise<void> {
    await this.#upsert(call.day, call as unknown as RecordItem);
  }

  /** Computes a day's roll-up from its calls and writes it; again is the same. @throws RecordError */
  async rollUpDay(day: string): Promise<DayRollUp> {
    const calls: CallAnalytics[] = [];
    const query = { text: selectCalls(''), parameters: { day, kind: 'call' }, limit: 500 };
    for await (const item of allOf(this.#container, day, query)) {
      const call = parseCall(item);
      if (call !== undefined) calls.push(call);
    }
    const summary = rollUp(day, calls);
    await this.#upsert(day, summary as unknown as RecordItem);
    return summary;
  }

  /** @returns undefined where the day has none. @throws RecordError */
  async rollUpOf(day: string): Promise<DayRollUp | undefined> {
    const outcome = await this.#container.read(day, `${day}-rollup`);
    if (outcome.kind === 'found') return parseRollUp(outcome.item);
    if (outcome.kind === 'absent') return undefined;
    throw new RecordError('a roll-up cannot be read', failureCode(outcome));
  }

  /** One page of calls, day by day from the newest. @throws RecordError, code `search_invalid` for a bad request */
  async search(search: CallSearch): Promise<CallPage> {
    const limit = Math.min(500, Math.max(1, Math.floor(search.limit ?? 50)));
    let place = placeOf(search);
    const calls: CallAnalytics[] = [];
    let queries = 0;
    while (place !== undefined && queries < DAYS_A_PAGE) {
      queries++;
      const page = await this.#container.query(place.day, queryOf(search, place, limit - calls.length));
      if (page.kind !== 'page') throw new RecordError('calls cannot be searched', failureCode(page));
      for (const item of page.items) {
        const call = parseCall(item);
        if (call !== undefined) calls.push(call);
      }
      place = nextPlace(search, place, page.continuation);
      if (calls.length >= limit) break;
    }
    return { calls, ...(place === undefined ? {} : { continuation: tokenOf(place) }) };
  }

  async #upsert(day: string, item: RecordItem): Promise<void> {
    const outcome = await this.#container.upsert(day, item);
    if (outcome.kind !== 'written')
      throw new RecordError('analytics cannot be written', failureCode(outcome));
  }
}

/** Where a search stands. */
interface Place {
  readonly day: string;
  readonly within?: string;
}

function placeOf(search: CallSearch): Place | undefined {
  const { fromDay, toDay, continuation } = search;
  if (!isDay(fromDay) || !isDay(toDay) || fromDay < dayAfter(toDay, -MAX_DAYS)) {
    throw new RecordError('days must be YYYY-MM-DD and at most a year apart', 'search_invalid');
  }
  if (continuation === undefined) return fromDay > toDay ? undefined : { day: toDay };
  const place = parseToken(continuation);
  if (place === undefined || place.day < fromDay || place.day > toDay) {
    throw new RecordError('the continuation does not belong to this search', 'search_invalid');
  }
  return place;
}

function nextPlace(search: CallSearch, place: Place, within: string | undefined): Place | undefined {
  if (within !== undefined) return { day: place.day, within };
  return place.day > search.fromDay ? { day: dayAfter(place.day, -1) } : undefined;
}

function queryOf(search: CallSearch, place: Place, limit: number): RecordQuery {
  const filters: [string, string | undefined][] = [
    ['agent', search.agent],
    ['outcome', search.outcome],
    ['transcript', search.transcript],
    ['subjectHash', search.subjectHash],
  ];
  const used = filters.flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
  const times = [
    ...(search.from === undefined
      ? []
      : [{ name: 'from', value: search.from, test: 'c.startedAt >= @from' }]),
    ...(search.before === undefined
      ? []
      : [{ name: 'before', value: search.before, test: 'c.startedAt < @before' }]),
  ];
  const tests = [...used.map(({ name }) => `c.${name} = @${name}`), ...times.map(({ test }) => test)];
  return {
    text: selectCalls(tests.map((test) => ` AND ${test}`).join('')),
    parameters: {
      day: place.day,
      kind: 'call',
      ...Object.fromEntries([...used, ...times].map(({ name, value }) => [name, value])),
    },
    limit,
    ...(place.within === undefined ? {} : { continuation: place.within }),
  };
}

function selectCalls(filter: string): string {
  return `SELECT * FROM c WHERE c.day = @day AND c.kind = @kind${filter} ORDER BY c.startedAt DESC`;
}

function tokenOf(place: Place): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

function parseToken(token: string): Place | undefined {
  try {
    const value = JSON.parse(Buffer.from(token, 'base64url').toString()) as Record<string, unknown> | null;
    const { day, within } = value ?? {};
    if (typeof day !== 'string' || !isDay(day)) return undefined;
    if (within !== undefined && typeof within !== 'string') return undefined;
    return { day, ...(within === undefined ? {} : { within }) };
  } catch {
    return undefined;
  }
}

function isDay(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00.000Z`));
}
