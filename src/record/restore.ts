/** Puts documents that were set aside back into their transcript. */
import type { TranscriptArchive } from './archive-port.js';
import { Archiver } from './archiver.js';
import type { AsideStore, SetAside } from './aside.js';
import { type ArchiveDocument, isTurn } from './documents.js';

export interface Restored {
  readonly restored: number;
  /** Refused again, or another document lies in their place. */
  readonly left: number;
}

const WITHIN_MS = 120_000;

/** Again is the same: what is in the transcript by now counts as restored. @throws RecordError */
export async function restoreAside(
  archive: TranscriptArchive,
  aside: AsideStore,
  entries: readonly SetAside[],
  now: () => number,
): Promise<Restored> {
  const done = new Set<ArchiveDocument>();
  const byPlace = new Map(entries.map((one) => [placeOf(one.document), one]));
  const archiver = new Archiver({
    archive,
    onArchived: (_session, seqs, marks) => {
      for (const place of [...seqs, ...marks]) {
        const one = byPlace.get(place);
        if (one !== undefined) done.add(one.document);
      }
    },
    onConflict: () => undefined,
    onPoison: () => undefined,
  });
  try {
    for (const { document } of entries) archiver.offer(document);
    await archiver.drain(WITHIN_MS);
  } finally {
    await archiver.stop();
  }
  for (const one of entries) if (done.has(one.document)) await aside.restored(one, now());
  return { restored: done.size, left: entries.length - done.size };
}

/** All are of one session. */
function placeOf(document: ArchiveDocument): number | string {
  return isTurn(document) ? document.seq : document.kind;
}
