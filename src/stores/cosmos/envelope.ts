import { type ArchiveDocument, parseDocument } from '../../record/documents.js';

/** The form in which Dapr's state.azure.cosmosdb keeps a value: both adapters write it, so either reads the other. */
export interface TranscriptItem {
  readonly id: string;
  readonly partitionKey: string;
  readonly value: ArchiveDocument;
  readonly isBinary: false;
}

export function itemOf(doc: ArchiveDocument): TranscriptItem {
  return { id: doc.id, partitionKey: doc.sessionId, value: doc, isBinary: false };
}

export function documentOf(item: unknown): ArchiveDocument | undefined {
  if (typeof item !== 'object' || item === null) return undefined;
  return parseDocument((item as Record<string, unknown>).value);
}
