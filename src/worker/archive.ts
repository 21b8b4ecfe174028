/** The worker's archiver: turns of all its calls into Cosmos, through Dapr's state component. */
import type { Logger } from '../ops/log.js';
import type { Metrics } from '../ops/metrics.js';
import type { TranscriptArchive } from '../record/archive-port.js';
import { Archiver } from '../record/archiver.js';
import { isTurn } from '../record/documents.js';

export interface ArchiveSinks {
  archived(callId: string, incarnation: string, seqs: readonly number[]): Promise<void>;
  conflict(callId: string, seq: number, tail: number): Promise<void>;
}

export function createArchiver(
  archive: TranscriptArchive,
  sinks: () => ArchiveSinks,
  metrics: Metrics,
  log: Logger,
): Archiver {
  return new Archiver({
    archive,
    onArchived: (sessionId, incarnation, seqs) =>
      seqs.length > 0 ? sinks().archived(sessionId, incarnation, seqs) : undefined,
    onConflict: async (doc, _existing, waiting) => {
      const tail = await archive.tail(doc.sessionId, doc.incarnation);
      log.error(
        { callId: doc.sessionId, code: 'RTV_RECORD_CONFLICT' },
        'another turn has this number in Cosmos',
      );
      metrics.archiveProblems.add(1, { kind: 'conflict' });
      const from = tail.kind === 'tail' ? tail.lastSeq : 0;
      for (const turn of [doc, ...waiting]) {
        if (isTurn(turn)) await sinks().conflict(turn.sessionId, turn.seq, from);
      }
    },
    onPoison: (doc, code) => {
      log.error({ callId: doc.sessionId, code }, 'document refused for good, set aside');
      metrics.archiveProblems.add(1, { kind: 'poison' });
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
