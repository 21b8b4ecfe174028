import type { TurnMeasures } from '../call/measures.js';

/**
 * The documents of a session's transcript. Encrypted fields arrive sealed: opaque strings, never opened here.
 * All documents of a session lie in the partition named by its session id.
 */
export interface TurnDocument {
  /** `${sessionId}-${seq}`: a number of a session is given once, whichever lineage of it gives it. */
  readonly id: string;
  readonly sessionId: string;
  /** Of the owner that wrote it. */
  readonly incarnation: string;
  /** 1, 2, 3 … without a gap. */
  readonly seq: number;
  readonly turnId: string;
  readonly role: 'user' | 'agent';
  readonly agent: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly endedAt: string;
  readonly mediaEpoch: number;
  readonly turnNo: number;
  readonly interrupted: boolean;
  /** Figures: tokens, latencies by stage, mood. No words. */
  readonly measures?: TurnMeasures;
  /** Sealed. Empty when `parts` is there: the text lies in the part documents. */
  readonly transcript: string;
  readonly schema: 1;
  /** Number of part documents that hold the sealed text of a turn too large for one document. */
  readonly parts?: number;
  /** Names the set of parts: count and a digest of the whole text, so that two splits never mix. */
  readonly partSet?: string;
}

/** A slice of a turn's sealed text. The turn's own document is written after its last part. */
export interface PartDocument {
  /** `${turn document id}-p${part}-${partSet}` */
  readonly id: string;
  readonly kind: 'part';
  readonly sessionId: string;
  readonly incarnation: string;
  /** `seq` of the turn that it belongs to. */
  readonly partOf: number;
  /** 1 … parts. */
  readonly part: number;
  readonly parts: number;
  readonly partSet: string;
  readonly turnId: string;
  readonly text: string;
  readonly schema: 1;
}

/** Written when a session's archive begins. `participants` is sealed. */
export interface HeaderDocument {
  /** `${sessionId}-header` */
  readonly id: string;
  readonly kind: 'header';
  readonly sessionId: string;
  readonly incarnation: string;
  /** No turn's number: the index that finds turns finds it too. */
  readonly seq?: 0;
  readonly startedAt: string;
  readonly subjectHash?: string;
  readonly participants?: string;
  readonly schema: 1;
}

/** Closes a transcript: what must be there for it to be complete. */
export interface SummaryDocument {
  /** `${sessionId}-summary` */
  readonly id: string;
  readonly kind: 'summary';
  readonly sessionId: string;
  readonly incarnation: string;
  readonly endedAt: string;
  readonly turns: number;
  /** 0 when there are no turns. */
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Last link of the chain over turn ids and sealed text, in order of `seq` (see chain.ts). */
  readonly sha256: string;
  readonly outcome?: string;
  readonly schema: 1;
}

export type ArchiveDocument = TurnDocument | PartDocument | HeaderDocument | SummaryDocument;

/** Cosmos DB refuses ids over 1023 bytes and ids with one of `/ \ ? #`. */
const MAX_ID_BYTES = 1023;

export function turnDocumentId(sessionId: string, seq: number): string {
  return `${sessionId}-${seq}`;
}

export function partDocumentId(turnDocument: string, part: number, partSet: string): string {
  return `${turnDocument}-p${part}-${partSet}`;
}

export function headerDocumentId(sessionId: string): string {
  return `${sessionId}-header`;
}

export function summaryDocumentId(sessionId: string): string {
  return `${sessionId}-summary`;
}

export function isTurn(doc: ArchiveDocument): doc is TurnDocument {
  return 'role' in doc;
}

/** False for an id or partition key that the service would refuse. */
export function isValidId(id: string): boolean {
  // Backslash, slash, question mark, hash and control characters are reserved in resource addresses.
  return id.length > 0 && Buffer.byteLength(id) <= MAX_ID_BYTES && !/[/\\?#\p{Cc}]/u.test(id);
}

/**
 * What tells two documents of one id apart: the same identity means that it is the same document, written before.
 */
export function identityOf(doc: ArchiveDocument): string {
  if (isTurn(doc)) return doc.turnId;
  if (doc.kind === 'part') return `${doc.turnId}#${doc.part}#${doc.partSet}`;
  if (doc.kind === 'header') return 'header';
  return `summary#${doc.turns}#${doc.sha256}`;
}

/** Narrows what was read from a store; undefined for anything that is no document of this schema. */
export function parseDocument(value: unknown): ArchiveDocument | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = value as Record<string, unknown>;
  if (typeof fields.id !== 'string' || typeof fields.sessionId !== 'string') return undefined;
  if (typeof fields.incarnation !== 'string' || fields.schema !== 1) return undefined;
  const known =
    fields.kind === 'header' ||
    (fields.kind === 'summary' && typeof fields.sha256 === 'string') ||
    (fields.kind === 'part' && typeof fields.text === 'string') ||
    (fields.kind === undefined &&
      typeof fields.seq === 'number' &&
      typeof fields.turnId === 'string' &&
      typeof fields.transcript === 'string');
  return known ? (value as ArchiveDocument) : undefined;
}
