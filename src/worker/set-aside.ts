/** A document that Cosmos refuses for good: kept, counted, logged and in the audit log, each once. */
import { createHash } from 'node:crypto';
import type { Logger } from '../ops/log.js';
import type { Metrics } from '../ops/metrics.js';
import type { AsideStore } from '../record/aside.js';
import { type ArchiveDocument, isTurn } from '../record/documents.js';
import { failureCode } from '../record/record-port.js';
import type { Audit } from './audit.js';

export interface SetAsideParts {
  readonly aside: Pick<AsideStore, 'keep'>;
  readonly audit: Pick<Audit, 'tell'>;
  readonly metrics: Pick<Metrics, 'setAside'>;
  readonly log: Logger;
}

/** @returns a function that answers whether the document is kept; false: it must be offered again. Never throws. */
export function createSetAside({ aside, audit, metrics, log }: SetAsideParts) {
  return async (document: ArchiveDocument, code: string): Promise<boolean> => {
    const kept = await aside.keep(document, code, Date.now());
    if (kept.kind === 'known') return true;
    const kind = isTurn(document) ? 'turn' : document.kind;
    const place = isTurn(document) ? { kind, seq: document.seq } : { kind };
    const facts = { callId: document.sessionId, code: 'RTV_RECORD_SET_ASIDE', cause: code, ...place };
    if (kept.kind !== 'kept') {
      metrics.setAside.add(1, { outcome: kept.kind });
      log.error({ ...facts, why: failureCode(kept) }, 'document refused for good, and not set aside yet');
      return false;
    }
    metrics.setAside.add(1, { outcome: 'kept' });
    log.error(facts, 'document refused for good, set aside');
    audit.tell({
      action: 'transcript.set_aside',
      sessionId: document.sessionId,
      // Its digest ties the record to the content, whoever puts it back.
      detail: {
        ...place,
        cause: code,
        sha256: createHash('sha256').update(JSON.stringify(document)).digest('hex'),
      },
    });
    return true;
  };
}
