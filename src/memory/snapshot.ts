/**
 * The stored form of a context snapshot, alike for the Dapr state component and for direct reads and writes:
 * JSON {schema, throughSeq, sealed}, in Redis the field `data` of a hash beside a counted `version`. The sealed part
 * has a version of its own, `schema`; older ones are migrated when read.
 */
import { RtvoiceError } from '../errors.js';
import type { Seal } from '../privacy/seal.js';
import { applyPatch, type ConversationContext, emptyContext, isContext, isRecord } from './context.js';
import { patchOfCoreMemory } from './legacy-read.js';

/** Version of ConversationContext that this code writes. */
const CONTEXT_SCHEMA = 1;

/** From a version to the next one. */
const MIGRATIONS: Readonly<Record<number, (old: Readonly<Record<string, unknown>>) => unknown>> = {
  // 0 had the names of the Python system's core memory, and no window.
  0: (old) => {
    const { schema: _schema, throughSeq, ...core } = old;
    return {
      ...applyPatch(emptyContext(), patchOfCoreMemory(core)),
      throughSeq: typeof throughSeq === 'number' ? throughSeq : 0,
    };
  },
};

/** The text of a snapshot. */
export function writeSnapshot(seal: Seal, sessionId: string, context: ConversationContext): string {
  const sealed = seal.protect('context', sessionId, context);
  return JSON.stringify({ schema: 1, throughSeq: context.throughSeq, sealed });
}

/**
 * The context in a snapshot's text.
 * @throws RtvoiceError RTV_RECORD_UNREADABLE (no snapshot, a newer version), RTV_SEAL_BROKEN
 */
export function readSnapshot(seal: Seal, sessionId: string, text: string): ConversationContext {
  let stored: unknown;
  try {
    stored = JSON.parse(text);
  } catch (cause) {
    throw new RtvoiceError('RTV_RECORD_UNREADABLE', 'the snapshot is no JSON', { cause });
  }
  if (!isRecord(stored) || stored.schema !== 1 || typeof stored.sealed !== 'string') {
    throw new RtvoiceError('RTV_RECORD_UNREADABLE', 'no snapshot of a known version');
  }
  return currentContext(seal.reveal('context', sessionId, stored.sealed));
}

/** A revealed context of this or an older version, in this version. @throws RtvoiceError RTV_RECORD_UNREADABLE */
export function currentContext(revealed: unknown): ConversationContext {
  let value = revealed;
  for (let step = 0; step <= CONTEXT_SCHEMA; step += 1) {
    if (!isRecord(value)) break;
    if (value.schema === CONTEXT_SCHEMA) {
      if (isContext(value)) return value;
      break;
    }
    const migrate = typeof value.schema === 'number' ? MIGRATIONS[value.schema] : undefined;
    if (!migrate) break;
    value = migrate(value);
  }
  throw new RtvoiceError('RTV_RECORD_UNREADABLE', 'no context of a known version');
}
