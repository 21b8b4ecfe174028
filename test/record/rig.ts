/** Cosmos behind a proxy, provisioned, for one test file; each `open` has a database of its own. */
import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { holdTurn, turnDocument } from '../../src/actors/call-record.js';
import type { CallSummary, JournalEntry } from '../../src/actors/ports.js';
import { newIncarnation } from '../../src/call/incarnation.js';
import type { Turn } from '../../src/call/turn.js';
import { localSeal } from '../../src/privacy/seal.js';
import type { TurnDocument } from '../../src/record/documents.js';
import { type Cosmos, cosmosFrom } from '../../src/stores/cosmos/client.js';
import { provision } from '../../src/stores/cosmos/provision.js';
import { CosmosProxy, type RecordedRequest } from '../support/cosmos-proxy.js';
import { STANDIN_KEY, startCosmosTarget } from '../support/cosmos-target.js';

export const dataKey = randomBytes(32);
export const seal = localSeal(dataKey);
export const silent = pino({ level: 'silent' });

export interface CosmosRig {
  readonly proxy: CosmosProxy;
  /** The stand-in behind it. */
  readonly targetUrl: string;
  /** A new, provisioned database through the proxy. */
  open(): Promise<Cosmos>;
  /** Document requests since a mark (`proxy.requests.length`); query plans read no documents. */
  since(mark: number): RecordedRequest[];
  stop(): Promise<void>;
}

export async function startCosmosRig(): Promise<CosmosRig> {
  const target = await startCosmosTarget();
  const proxy = await new CosmosProxy({ target: target.url }).start();
  const opened: Cosmos[] = [];
  return {
    proxy,
    targetUrl: target.url,
    async open() {
      const settings = {
        endpoint: proxy.url,
        key: STANDIN_KEY,
        database: `rig${opened.length}`,
        deadlineMs: 3000,
      };
      await provision(settings);
      const cosmos = await cosmosFrom(settings);
      opened.push(cosmos);
      return cosmos;
    },
    since: (mark) =>
      proxy.requests
        .slice(mark)
        .filter((request) => /\/docs(\/|$)/.test(request.path) && !request.isQueryPlan),
    async stop() {
      for (const cosmos of opened) cosmos.close();
      await proxy.stop();
      await target.stop();
    },
  };
}

export interface MadeCall {
  readonly summary: CallSummary;
  readonly documents: readonly TurnDocument[];
  /** As the journal holds it. */
  readonly entries: readonly JournalEntry[];
}

/** A call that is over, with its words sealed as the actor does it. */
export function madeCall(
  sessionId: string,
  turns: number,
  over: { readonly startedAtMs?: number; readonly subjectId?: string } = {},
): MadeCall {
  const startedAtMs = over.startedAtMs ?? Date.parse('2026-04-07T10:00:00.000Z');
  const incarnation = newIncarnation(startedAtMs);
  const held = Array.from({ length: turns }, (_, index) => {
    const seq = index + 1;
    const at = startedAtMs + seq * 2_000;
    const turn: Turn = {
      ...{ seq, turnId: `${sessionId}-t${seq}`, role: seq % 2 === 1 ? 'agent' : 'user', agent: 'claims' },
      ...{ text: `words ${seq} of ${sessionId}`, startedAtMs: at, endedAtMs: at + 1_500 },
      ...{ mediaEpoch: 1, turnNo: seq },
      ...(seq % 2 === 1 ? { measures: { usage: { tokensIn: 100, tokensOut: 7 } } } : {}),
    };
    return holdTurn(seal, sessionId, turn);
  });
  return {
    summary: {
      callConnectionId: sessionId,
      incarnation,
      correlationId: `c-${sessionId}`,
      ...(over.subjectId === undefined ? {} : { subjectId: over.subjectId }),
      turns,
      connectedAt: new Date(startedAtMs).toISOString(),
      disconnectedAt: new Date(startedAtMs + (turns + 1) * 2_000).toISOString(),
      outcome: 'completed',
    },
    documents: held.map((one) => turnDocument(sessionId, incarnation, one)),
    entries: held.map(({ turn, payload }) => ({ seq: turn.seq, payload })),
  };
}
