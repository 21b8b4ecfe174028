/** Transcripts as they lie in the store, over its HTTP interface, and as the reading API shows them. */
import type { Addresses } from './addresses.js';
import type { ReadTranscript, StoredSummary, StoredTurn } from './evidence.js';

const AT_ONCE = 8;

/** All turn and summary documents. @throws Error when the store refuses, or holds what has no known shape */
export async function storedTranscripts(
  at: Addresses,
): Promise<{ turns: StoredTurn[]; summaries: StoredSummary[] }> {
  const turns: StoredTurn[] = [];
  const summaries: StoredSummary[] = [];
  for (const document of await documentsOf(`${at.cosmos}/dbs/rtvoice/colls/transcripts/docs`)) {
    const value = fieldsOf(document.value);
    const callId = String(value.sessionId);
    if (document.partitionKey !== callId) throw new Error('a document lies in the partition of another call');
    const common = { callId, incarnation: String(value.incarnation) };
    if (value.kind === 'summary') {
      const [count, firstSeq, lastSeq] = [value.turns, value.firstSeq, value.lastSeq].map(Number);
      summaries.push({ ...common, turns: count ?? 0, firstSeq: firstSeq ?? 0, lastSeq: lastSeq ?? 0 });
    } else if (value.role === 'user' || value.role === 'agent') {
      turns.push({
        ...common,
        documentId: String(document.id),
        seq: Number(value.seq),
        turnId: String(value.turnId),
        role: value.role,
        mediaEpoch: Number(value.mediaEpoch),
        turnNo: Number(value.turnNo),
      });
    } else if (value.kind !== 'header' && value.kind !== 'part') {
      throw new Error(`a document of no known shape: ${String(document.id)}`);
    }
  }
  return { turns, summaries };
}

/** What the reading API shows of calls; of those that it does not know nothing. */
export async function readTranscripts(
  at: Addresses,
  callIds: readonly string[],
  stored: readonly StoredTurn[],
): Promise<ReadTranscript[]> {
  const ids = new Map(stored.map((turn) => [placeOf(turn.callId, turn.seq), turn.turnId]));
  const found: ReadTranscript[] = [];
  const rest = callIds.values();
  const lane = async (number: number): Promise<void> => {
    for (const callId of rest) {
      const worker = at.workers[number % at.workers.length];
      const answer = await fetch(`${worker?.url}/api/transcripts/${encodeURIComponent(callId)}`, {
        headers: { authorization: `Bearer ${at.apiToken}` },
      });
      if (answer.status === 404) continue;
      if (!answer.ok) throw new Error(`the reading API answered ${answer.status}`);
      const body = fieldsOf(await answer.json());
      const turns = (Array.isArray(body.turns) ? body.turns : [])
        .map(fieldsOf)
        .map(({ seq, role, text }) => ({
          turnId: ids.get(placeOf(callId, Number(seq))) ?? '',
          role: String(role),
          text: String(text),
        }));
      found.push({ callId, complete: body.completeness === 'complete', turns });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, (_, number) => lane(number)));
  return found;
}

async function documentsOf(url: string): Promise<Record<string, unknown>[]> {
  const all: Record<string, unknown>[] = [];
  let continuation: string | undefined;
  do {
    const answer = await fetch(url, {
      method: 'POST',
      headers: {
        authorization: 'none',
        'x-ms-documentdb-isquery': 'true',
        'content-type': 'application/query+json',
        'x-ms-documentdb-query-enablecrosspartition': 'true',
        ...(continuation === undefined ? {} : { 'x-ms-continuation': continuation }),
      },
      body: JSON.stringify({ query: 'SELECT * FROM c', parameters: [] }),
    });
    if (!answer.ok) throw new Error(`the store answered ${answer.status}`);
    const { Documents: page } = fieldsOf(await answer.json());
    if (!Array.isArray(page)) throw new Error('the store answered no documents');
    all.push(...page.map(fieldsOf));
    continuation = answer.headers.get('x-ms-continuation') ?? undefined;
  } while (continuation !== undefined);
  return all;
}

const placeOf = (callId: string, seq: number): string => `${callId} ${seq}`;

function fieldsOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Error('no object where one was expected');
  return value as Record<string, unknown>;
}
