/**
 * The end of a transcript: header and summary documents, the check that all of it is in Cosmos, the call's analytics.
 * Each step may run twice. What cannot be read is no verdict: it fails, and the reminder comes back.
 */
import type { CallSummary, Journal } from '../actors/ports.js';
import type { TurnMeasures } from '../call/measures.js';
import { RtvoiceError } from '../errors.js';
import type { Logger } from '../ops/log.js';
import type { Analytics } from '../record/analytics.js';
import { RANGE_LIMIT, type TranscriptArchive } from '../record/archive-port.js';
import { type AsideStore, coversGap } from '../record/aside.js';
import { callAnalytics, type TokenPrices, type TurnFacts } from '../record/call-analytics.js';
import type { ChainTurn } from '../record/chain.js';
import { EMPTY_TALLY, headerDocument, summaryDocument, tallyTurn } from '../record/closing.js';
import type { DailyRollUps } from '../record/daily.js';
import { type ArchiveDocument, identityOf } from '../record/documents.js';
import { verifyComplete, wholeTurn } from '../record/verify-complete.js';

/** A turn for the chain and for the figures; its words stay sealed. */
type ClosedTurn = ChainTurn & TurnFacts;

export interface TranscriptClosingParts {
  readonly journal: Pick<Journal, 'entries'>;
  /** Writes the documents. */
  readonly archive: TranscriptArchive;
  /** Reads them back; a query within the partition is cheaper than a read a turn. */
  readonly reader: TranscriptArchive;
  /** What of a transcript was refused for good. */
  readonly aside: Pick<AsideStore, 'of'>;
  /** true: it is kept. */
  setAside(document: ArchiveDocument, code: string): Promise<boolean>;
  readonly analytics: Analytics;
  readonly daily: DailyRollUps;
  readonly log: Logger;
  /** Of the agent's model; without them calls have no cost. */
  readonly prices?: TokenPrices | undefined;
  /** A transcript was closed, in this state. */
  closed?(state: string): void;
}

/** `complete`, or what the check found instead. */
export type TranscriptState =
  | 'complete'
  /** What is missing was refused by the store, and is kept in the container `aside`. */
  | 'set_aside'
  | 'gap'
  | 'count_differs'
  | 'hash_differs'
  | 'summary_differs'
  | 'no_summary';

/** Doubts kept; the oldest fall out, and are asked once more. */
const MOST_DOUBTS = 1_000;

export function createTranscriptClosing(parts: TranscriptClosingParts) {
  const { journal, archive, reader, analytics, daily, log } = parts;
  /** Calls whose check failed once: a replica may have been behind. */
  const doubts = new Set<string>();

  const turnsOf = async (summary: CallSummary): Promise<ClosedTurn[]> => {
    const entries = await journal.entries(summary.callConnectionId);
    if (entries.length === summary.turns) {
      const turns = entries.map(({ seq, payload }) => fromJournal(seq, payload));
      return turns.sort((a, b) => a.seq - b.seq);
    }
    // The journal lost some: Cosmos has them.
    const turns: ClosedTurn[] = [];
    for (let from = 1; from <= summary.turns; from += RANGE_LIMIT) {
      const range = await archive.range(summary.callConnectionId, from, summary.turns);
      if (range.kind !== 'range') throw new RtvoiceError('RTV_COSMOS_UNAVAILABLE');
      for (const stored of range.turns) {
        const whole = await wholeTurn(archive, stored);
        if ('failure' in whole) throw new RtvoiceError('RTV_COSMOS_UNAVAILABLE');
        const turn = whole.turn ?? stored;
        turns.push({
          ...{ seq: turn.seq, turnId: turn.turnId, transcript: turn.transcript },
          ...{ role: turn.role, agent: turn.agent, interrupted: turn.interrupted },
          ...{ startedAtMs: Date.parse(turn.startedAt), endedAtMs: Date.parse(turn.endedAt) },
          ...(turn.measures ? { measures: turn.measures } : {}),
        });
      }
    }
    return turns;
  };

  const close = async (summary: CallSummary, turns: readonly ClosedTurn[]): Promise<TranscriptState> => {
    const { callConnectionId: sessionId, incarnation, subjectId } = summary;
    const header = headerDocument(sessionId, incarnation, {
      startedAt: new Date(turns[0]?.startedAtMs ?? bornAt(incarnation)).toISOString(),
      ...(subjectId === undefined ? {} : { subjectHash: subjectId }),
    });
    const closing = summaryDocument(sessionId, incarnation, turns.reduce(tallyTurn, EMPTY_TALLY), {
      endedAt: summary.disconnectedAt ?? new Date().toISOString(),
      outcome: summary.outcome,
    });
    let refused = false;
    for (const document of [header, closing]) {
      const outcome = await archive.create(document);
      if (outcome.kind === 'created') continue;
      if (outcome.kind === 'refused' && (await parts.setAside(document, outcome.code))) refused = true;
      else if (outcome.kind !== 'exists') throw new RtvoiceError('RTV_COSMOS_UNAVAILABLE');
      // Closed before, over other turns: what the first one says cannot be changed.
      else if (outcome.turnId !== identityOf(document)) return 'summary_differs';
    }
    const found = await verifyComplete(reader, sessionId);
    if (found.state === 'unknown') throw new RtvoiceError('RTV_COSMOS_UNAVAILABLE');
    if (found.state === 'gap' && coversGap(found.missing, await parts.aside.of(sessionId))) {
      return 'set_aside';
    }
    return refused && (found.state === 'complete' || found.state === 'no_summary')
      ? 'set_aside'
      : found.state;
  };

  return {
    /** @returns the state of the transcript. @throws RTV_COSMOS_UNAVAILABLE, RecordError: not done, try again */
    async complete(summary: CallSummary): Promise<TranscriptState> {
      const { callConnectionId: sessionId, incarnation, connectedAt, disconnectedAt, subjectId } = summary;
      const turns = await turnsOf(summary);
      const state = await close(summary, turns);
      // What was set aside is known; all else may be a replica that is behind.
      if (state !== 'complete' && state !== 'set_aside' && !doubts.has(sessionId)) {
        if (doubts.size >= MOST_DOUBTS) for (const oldest of [...doubts].slice(0, 1)) doubts.delete(oldest);
        doubts.add(sessionId);
        throw new RtvoiceError('RTV_COSMOS_UNAVAILABLE', `transcript ${state} at first sight`);
      }
      doubts.delete(sessionId);
      const ended = {
        ...{
          sessionId,
          incarnation,
          outcome: summary.outcome,
          transcript: state,
          createdAtMs: bornAt(incarnation),
        },
        ...(connectedAt === undefined ? {} : { connectedAt }),
        ...(disconnectedAt === undefined ? {} : { disconnectedAt }),
        ...(subjectId === undefined ? {} : { subjectHash: subjectId }),
      };
      const facts = callAnalytics(ended, turns, parts.prices);
      await analytics.record(facts);
      await daily.recorded(facts.day, Date.now());
      if (state !== 'complete') {
        log.error(
          { callId: sessionId, code: 'RTV_TRANSCRIPT_INCOMPLETE', state },
          'transcript is not complete',
        );
      }
      parts.closed?.(state);
      return state;
    },
  };
}

/** As call-record.ts writes it; only what is in clear is looked at. */
function fromJournal(seq: number, payload: string): ClosedTurn {
  const stored = JSON.parse(payload) as {
    readonly id: string;
    readonly t: string;
    readonly role: 'user' | 'agent';
    readonly agent: string;
    readonly at: number;
    readonly end: number;
    readonly int?: 1;
    readonly m?: TurnMeasures;
  };
  return {
    ...{ seq, turnId: stored.id, transcript: stored.t, role: stored.role, agent: stored.agent },
    ...{ startedAtMs: stored.at, endedAtMs: stored.end, interrupted: stored.int === 1 },
    ...(stored.m ? { measures: stored.m } : {}),
  };
}

/** An incarnation begins with the time of its making (call/incarnation.ts). */
function bornAt(incarnation: string): number {
  const ms = Number.parseInt(incarnation.slice(0, 12), 16);
  return Number.isNaN(ms) ? 0 : ms;
}
