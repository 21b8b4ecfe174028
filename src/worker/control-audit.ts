/**
 * Call control in the audit log: who asked for which operation on which call, and what came of it. Arguments hold parties
 * and texts and stay out. Told, not waited for: a call must not go on ringing because the audit log is away.
 */
import type { Outcome } from '../acs/operations.js';
import type { AskedOperation } from '../actors/call-control.js';
import type { Audit } from './audit.js';

export interface ControlAudit {
  asked(operation: AskedOperation): void;
  settled(callId: string, correlationId: string, outcome: Outcome): void;
  /** An outbound call: `callId` once there is one, else the code that says why there is none. */
  created(
    by: string,
    correlationId: string,
    result: { readonly callId: string } | { readonly code: string },
  ): void;
  /** An incoming call that was not taken. */
  declined(correlationId: string, how: string): void;
}

export function createControlAudit(audit: Pick<Audit, 'tell'>): ControlAudit {
  return {
    asked: ({ by, callId, correlationId, id, kind }) =>
      audit.tell({
        action: 'call.control',
        ...(by === undefined ? {} : { actor: by }),
        sessionId: callId,
        ...withCorrelation(correlationId),
        detail: { operation: kind, operationId: id },
      }),
    settled: (callId, correlationId, { id, kind, status, code, result }) =>
      audit.tell({
        action: 'call.control.outcome',
        sessionId: callId,
        ...withCorrelation(correlationId),
        detail: {
          ...{ operation: kind, operationId: id, status },
          ...(code === undefined ? {} : { code }),
          ...(result === undefined ? {} : { acsCode: result.code, acsSubCode: result.subCode }),
        },
      }),
    created: (by, correlationId, result) =>
      audit.tell({
        action: 'call.create',
        actor: by,
        ...('callId' in result ? { sessionId: result.callId } : {}),
        ...withCorrelation(correlationId),
        detail: { result: 'code' in result ? result.code : 'created' },
      }),
    declined: (correlationId, how) =>
      audit.tell({ action: `call.${how}`, ...withCorrelation(correlationId), detail: {} }),
  };
}

/** A call's first events may come before its correlation id is known. */
const withCorrelation = (correlationId: string): { correlationId?: string } =>
  correlationId === '' ? {} : { correlationId };
