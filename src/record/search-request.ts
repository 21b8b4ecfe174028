/** A search for calls as people and programs write it: days or times, names, a page's continuation. */
import type { CallSearch } from './analytics.js';
import { dayAfter, dayOf } from './audit-record.js';
import { RecordError } from './record-port.js';

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/;
const NAME = /^[\w .:-]{1,128}$/;
/** Without `from`: so many days before `to`. */
const DEFAULT_DAYS = 7;

/**
 * `from` and `to` are days (both included) or ISO times (`to` excluded) with their offset.
 * @throws RecordError `search_invalid`
 */
export function searchOf(read: (name: string) => string | undefined, nowMs: number): CallSearch {
  const to = instant(read('to'), 'to');
  const toDay = to === undefined ? dayOf(nowMs) : to.day;
  const from = instant(read('from'), 'from');
  const fromDay = from === undefined ? dayAfter(toDay, -DEFAULT_DAYS) : from.day;
  const agent = nameOf(read('agent'), 'agent');
  const outcome = nameOf(read('outcome'), 'outcome');
  const transcript = nameOf(read('transcript'), 'transcript');
  const continuation = read('continuation');
  const limit = read('limit');
  if (limit !== undefined && !/^[1-9]\d{0,2}$/.test(limit)) throw invalid('limit');
  return {
    fromDay,
    toDay,
    ...(from?.time === undefined ? {} : { from: from.time }),
    ...(to?.time === undefined ? {} : { before: to.time }),
    ...(agent === undefined ? {} : { agent }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(transcript === undefined ? {} : { transcript }),
    ...(continuation === undefined ? {} : { continuation }),
    ...(limit === undefined ? {} : { limit: Number(limit) }),
  };
}

function instant(text: string | undefined, name: string): { day: string; time?: string } | undefined {
  if (text === undefined) return undefined;
  const ms = Date.parse(DAY.test(text) ? `${text}T00:00:00.000Z` : text);
  if (Number.isNaN(ms)) throw invalid(name);
  if (DAY.test(text)) return { day: text };
  if (!TIME.test(text)) throw invalid(name);
  return { day: dayOf(ms), time: new Date(ms).toISOString() };
}

function nameOf(text: string | undefined, name: string): string | undefined {
  if (text !== undefined && !NAME.test(text)) throw invalid(name);
  return text;
}

const invalid = (name: string): RecordError => new RecordError(`${name} is malformed`, 'search_invalid');
