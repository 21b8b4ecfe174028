/** Call control as it crosses Dapr: requests, answers, and what events say about operations. */
import type { ControlRequest } from '../acs/control-requests.js';
import type { OperationSignal } from '../acs/operation-rules.js';
import type { Operation, Outcome, RequestAnswer } from '../acs/operations.js';

/** The operation that made the call: it is entered with the call's first moment. */
export interface StartedBy {
  readonly kind: 'answer' | 'createCall';
  readonly id: string;
  readonly idempotencyKey?: string;
  /** How long its outcome is awaited, ms; default: that of its kind. */
  readonly deadlineMs?: number;
}

export interface ControlArgs {
  readonly request: ControlRequest;
  /** Unique; goes out as operationContext. */
  readonly id: string;
  readonly idempotencyKey?: string;
  /** Who asks, for the audit log: `api`. */
  readonly by?: string;
  /** How long its outcome is awaited; default: that of its kind. */
  readonly deadlineMs?: number;
}

/** An operation under way (`open`), or what came of it. */
export type OperationView =
  | ({ readonly state: 'open' } & Operation)
  | ({ readonly state: 'settled' } & Outcome);

export interface ControlStarted {
  readonly operation: OperationView;
  /** The idempotency key was used before: nothing was sent again. */
  readonly repeated: boolean;
}

/** How ACS answered the request of an operation. */
export interface OperatedArgs {
  readonly id: string;
  readonly answer: RequestAnswer;
}

export interface OperationsAnswer {
  readonly operations: readonly OperationView[];
}

/** What an event says about operations, by the event's id. */
export interface EventSignal extends OperationSignal {
  readonly eventId: string;
}
