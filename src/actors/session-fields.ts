/** How a call stands in its session in Redis, besides its cursors, and how that is read again. Pure but for the seal. */
import type { OperationLedger } from '../acs/operations.js';
import type { CallState } from '../call/state.js';
import type { Seal } from '../privacy/seal.js';
import type { CallMemory } from './call-memory.js';
import type { CallOrigin, Saying } from './call-messages.js';
import type { WholeFields } from './session-writer.js';

/** Kept as JSON in the field `data`, without personal data. */
interface SessionData {
  readonly state: CallState;
  readonly origin: CallOrigin;
  readonly workerUrl: string;
  readonly operations?: OperationLedger;
  /** Since when the call has no media worker. */
  readonly mediaLostAtMs?: number;
}

/** What other parts of the call have to keep there. */
export type KeptByParts = Pick<SessionData, 'operations' | 'mediaLostAtMs'>;

export function sessionData(
  { state, origin, workerUrl }: Pick<CallMemory, 'state' | 'origin' | 'workerUrl'>,
  kept: KeptByParts = {},
): string {
  const data: SessionData = { state, origin, workerUrl, ...kept };
  return JSON.stringify(data);
}

/** Older sessions may lack any of it. */
export const readSessionData = (data: string): Partial<SessionData> =>
  JSON.parse(data) as Partial<SessionData>;

export function wholeFields(memory: CallMemory, kept: KeptByParts, seal: Seal): WholeFields {
  const { id, ledger, saying } = memory;
  return {
    mediaEpoch: ledger.mediaEpoch,
    mediaWorker: memory.mediaWorker,
    archivedThrough: ledger.archivedThrough,
    data: sessionData(memory, kept),
    saying: saying ? seal.protect('saying', id, saying) : '',
  };
}

/** 'unreadable': it cannot be opened, and the agent begins its reply anew. */
export function openSaying(seal: Seal, callId: string, sealed: string): Saying | 'unreadable' | undefined {
  if (sealed === '') return undefined;
  try {
    return seal.reveal('saying', callId, sealed) as Saying;
  } catch {
    return 'unreadable';
  }
}
