/** Many recorded calls at once, as archiver and closing would have left them: the same documents, by bulk requests. */
import { dayAfter } from '../../src/record/audit-record.js';
import { callAnalytics } from '../../src/record/call-analytics.js';
import { EMPTY_TALLY, headerDocument, summaryDocument, tallyTurn } from '../../src/record/closing.js';
import { itemOf } from '../../src/stores/cosmos/envelope.js';
import { madeCall } from './rig.js';

/** Calls made and written at a time. */
const GROUP = 500;
/** Most of one request. */
const OPERATIONS = 100;

/** Where the stand-in is, not a proxy before it. */
export interface StandInDatabase {
  readonly url: string;
  readonly name: string;
}

export interface FilledCall {
  readonly sessionId: string;
  readonly startedAtMs: number;
  readonly outcome: string;
  readonly turns: number;
}

/** Day and time of the n-th call: spread over the days, a second apart. */
export function startOf(n: number, firstDay: string, days: number): number {
  return Date.parse(`${dayAfter(firstDay, n % days)}T08:00:00.000Z`) + n * 500;
}

export async function bulkFill(database: StandInDatabase, calls: readonly FilledCall[]): Promise<void> {
  for (let from = 0; from < calls.length; from += GROUP) {
    const made = calls.slice(from, from + GROUP).map(documentsOf);
    await write(
      database,
      'transcripts',
      made.flatMap(({ transcript }) => transcript),
    );
    await write(
      database,
      'analytics',
      made.map(({ analytics }) => analytics),
    );
  }
}

function documentsOf({ sessionId, startedAtMs, outcome, turns }: FilledCall) {
  const { summary, documents } = madeCall(sessionId, turns, { startedAtMs, subjectId: 'subject' });
  const { incarnation, connectedAt = '', disconnectedAt = '', subjectId = '' } = summary;
  const startedAt = documents[0]?.startedAt ?? connectedAt;
  const header = headerDocument(sessionId, incarnation, { startedAt, subjectHash: subjectId });
  const tally = documents.reduce(tallyTurn, EMPTY_TALLY);
  const closing = summaryDocument(sessionId, incarnation, tally, { endedAt: disconnectedAt, outcome });
  const ended = { sessionId, incarnation, outcome, connectedAt, disconnectedAt, subjectHash: subjectId };
  const facts = documents.map((turn) => ({
    ...turn,
    ...{ startedAtMs: Date.parse(turn.startedAt), endedAtMs: Date.parse(turn.endedAt) },
  }));
  return {
    transcript: [header, ...documents, closing].map(itemOf),
    analytics: callAnalytics({ ...ended, createdAtMs: startedAtMs, transcript: 'complete' }, facts),
  };
}

/** The stand-in's bulk requests, as the service has them: operations on any partitions, each for itself. */
async function write(
  database: StandInDatabase,
  container: 'transcripts' | 'analytics',
  items: readonly { readonly partitionKey?: string; readonly day?: string }[],
): Promise<void> {
  for (let from = 0; from < items.length; from += OPERATIONS) {
    const body = items.slice(from, from + OPERATIONS).map((item) => ({
      operationType: 'Create',
      partitionKey: JSON.stringify([item.partitionKey ?? item.day]),
      resourceBody: item,
    }));
    const response = await fetch(`${database.url}/dbs/${database.name}/colls/${container}/docs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-ms-cosmos-is-batch-request': 'True' },
      body: JSON.stringify(body),
    });
    const results = (await response.json()) as { statusCode: number }[];
    if (!response.ok || results.some(({ statusCode }) => statusCode !== 201))
      throw new Error(`bulk: ${response.status} ${JSON.stringify(results).slice(0, 200)}`);
  }
}
