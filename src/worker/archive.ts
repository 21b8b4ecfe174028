/** The worker's archiver: turns of all its calls into Cosmos, through Dapr's state component. */
import type { Erasures, TurnSink } from '../actors/ports.js';
import type { ArchivedTurn } from '../call/ledger.js';
import type { Logger } from '../ops/log.js';
import type { Metrics } from '../ops/metrics.js';
import type { TranscriptArchive } from '../record/archive-port.js';
import { Archiver } from '../record/archiver.js';
import { headerDocument } from '../record/closing.js';
import { type ArchiveDocument, isTurn } from '../record/documents.js';

export interface ArchiveSinks {
  /** Nothing more is to be written of these: they are in the transcript, or were set aside. */
  archived(callId: string, turns: readonly ArchivedTurn[]): Promise<void>;
  /** Another turn has a number of this call in Cosmos. */
  conflict(callId: string): Promise<void>;
}

/** Sees to it that a transcript's header is written before its first turn. */
export function withHeaders(archiver: Pick<Archiver, 'offer' | 'withdraw'>): TurnSink {
  return {
    withdraw: (callId) => archiver.withdraw(callId),
    offer(document, subjectId) {
      if (document.seq === 1) {
        const { sessionId, incarnation, startedAt } = document;
        const subject = subjectId === undefined ? {} : { subjectHash: subjectId };
        const header = headerDocument(sessionId, incarnation, { startedAt, ...subject });
        if (!archiver.offer(header, subjectId)) return false;
      }
      return archiver.offer(document, subjectId);
    },
  };
}

export function createArchiver(
  archive: TranscriptArchive,
  setAside: (document: ArchiveDocument, code: string) => Promise<boolean>,
  sinks: () => ArchiveSinks,
  erasures: Pick<Erasures, 'check'>,
  metrics: Metrics,
  log: Logger,
): Archiver {
  return new Archiver({
    archive,
    erased: (subjectId, incarnation) => erasures.check(subjectId, incarnation),
    onArchived: (sessionId, seqs, _marks, turnIds) => {
      const turns = seqs.map((seq, at) => ({ seq, turnId: turnIds[at] ?? '' }));
      return turns.length > 0 ? sinks().archived(sessionId, turns) : undefined;
    },
    onConflict: async (doc) => {
      log.error(
        { callId: doc.sessionId, code: 'RTV_RECORD_CONFLICT' },
        'another turn has this number in Cosmos',
      );
      metrics.archiveProblems.add(1, { kind: 'conflict' });
      await sinks().conflict(doc.sessionId);
    },
    onPoison: async (doc, code) => {
      metrics.archiveProblems.add(1, { kind: 'poison' });
      // Not kept: the turn stays in the journal and is offered again.
      if (!(await setAside(doc, code)) || !isTurn(doc)) return;
      // The owner is done with it, so that its call can be closed; the transcript's state says that it is not there.
      await sinks().archived(doc.sessionId, [{ seq: doc.seq, turnId: doc.turnId }]);
    },
    metrics: {
      outcome: (kind) => {
        if (kind === 'created' || kind === 'exists') metrics.archived.add(1, { kind });
        else metrics.archiveProblems.add(1, { kind });
      },
      backlog: () => undefined,
      concurrency: () => undefined,
      archived: (ageMs) => metrics.archiveLag.record(ageMs),
    },
  });
}
