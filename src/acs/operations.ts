import { compact } from './fields.js';
import {
  OPERATION_RULES,
  type OperationKind,
  type OperationSignal,
  type Verdict,
  verdictOf,
} from './operation-rules.js';

/** A started operation whose outcome is awaited. */
export interface Operation {
  /** Its operationContext: ACS gives it back with the event. */
  readonly id: string;
  readonly kind: OperationKind;
  readonly idempotencyKey?: string;
  readonly recordingId?: string;
  /** Unix ms. */
  readonly startedAtMs: number;
  readonly deadlineAtMs: number;
  /** ACS took the request. */
  readonly accepted: boolean;
  /** The call is over: what comes within the grace still counts. */
  readonly callEnded: boolean;
}

export type OutcomeStatus = Verdict | 'timed_out' | 'call_ended';

/** The one outcome of an operation. */
export interface Outcome {
  readonly id: string;
  readonly kind: OperationKind;
  readonly status: OutcomeStatus;
  readonly idempotencyKey?: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** RTV_ACS_* when the request was refused. */
  readonly code?: string;
  /** ACS's codes, when an event brought the outcome. */
  readonly result?: { readonly code: number; readonly subCode: number };
  /** Of a recording that was started: needed to pause and stop it. */
  readonly recordingId?: string;
}

/** Operations of one call. Plain data: it may be stored as JSON. */
export interface OperationLedger {
  readonly open: readonly Operation[];
  /** The latest outcomes, oldest first: a repeated idempotency key is answered from them. */
  readonly settled: readonly Outcome[];
}

export interface StartOperation {
  readonly id: string;
  readonly kind: OperationKind;
  readonly idempotencyKey?: string;
  readonly recordingId?: string;
  readonly nowMs: number;
  /** Default: that of its kind. */
  readonly deadlineMs?: number;
}

/** How ACS answered the request: the interesting part of an AcsResult. */
export type RequestAnswer =
  | { readonly ok: true; readonly recordingId?: string }
  | { readonly ok: false; readonly code: string; readonly unknown: boolean };

export type LedgerInput =
  | { readonly kind: 'answer'; readonly id: string; readonly answer: RequestAnswer }
  | { readonly kind: 'fact'; readonly fact: OperationSignal }
  | { readonly kind: 'clock' }
  /** The owner closes the call: everything open ends now. */
  | { readonly kind: 'close' };

export interface LedgerStep {
  readonly ledger: OperationLedger;
  readonly outcomes: readonly Outcome[];
}

export type StartResult =
  | { readonly ok: true; readonly ledger: OperationLedger; readonly operation: Operation }
  /** The id or the idempotency key is known: the operation itself, or what came of it. */
  | { readonly ok: false; readonly reason: 'duplicate'; readonly known: Operation | Outcome }
  | { readonly ok: false; readonly reason: 'full' };

export const MAX_OPEN = 64;
export const MAX_SETTLED = 128;
/** How long after CallDisconnected an event that was overtaken still counts, ms. */
export const ENDED_GRACE_MS = 2000;

export const emptyLedger: OperationLedger = { open: [], settled: [] };

/** Enters an operation, before its request is sent: its event may come before the request's answer. */
export function startOperation(ledger: OperationLedger, start: StartOperation): StartResult {
  const same = (one: { readonly id: string; readonly idempotencyKey?: string }) =>
    one.id === start.id ||
    (start.idempotencyKey !== undefined && one.idempotencyKey === start.idempotencyKey);
  const known = ledger.open.find(same) ?? ledger.settled.find(same);
  if (known) return { ok: false, reason: 'duplicate', known };
  if (ledger.open.length >= MAX_OPEN) return { ok: false, reason: 'full' };
  const operation: Operation = compact({
    id: start.id,
    kind: start.kind,
    idempotencyKey: start.idempotencyKey,
    recordingId: start.recordingId,
    startedAtMs: start.nowMs,
    deadlineAtMs: start.nowMs + (start.deadlineMs ?? OPERATION_RULES[start.kind].deadlineMs),
    accepted: false,
    callEnded: false,
  });
  return { ok: true, ledger: { ...ledger, open: [...ledger.open, operation] }, operation };
}

/**
 * Takes an answer, an event or the time into account. Each operation gets exactly one outcome, whatever
 * comes, in whatever order and how often; what says nothing about an open operation changes nothing.
 */
export function advance(ledger: OperationLedger, input: LedgerInput, nowMs: number): LedgerStep {
  switch (input.kind) {
    case 'answer':
      return applyAnswer(ledger, input.id, input.answer, nowMs);
    case 'fact':
      return applyFact(ledger, input.fact, nowMs);
    case 'clock':
      return settle(
        ledger,
        (operation) => (operation.deadlineAtMs <= nowMs ? expired(operation) : undefined),
        nowMs,
      );
    case 'close':
      return settle(ledger, (operation) => expired({ ...operation, callEnded: true }), nowMs);
  }
}

/** When the clock must be given next, Unix ms. */
export function nextDeadline(ledger: OperationLedger): number | undefined {
  if (ledger.open.length === 0) return undefined;
  return Math.min(...ledger.open.map((operation) => operation.deadlineAtMs));
}

type Ending = Pick<Outcome, 'status' | 'code' | 'result' | 'recordingId'>;

function applyAnswer(ledger: OperationLedger, id: string, answer: RequestAnswer, nowMs: number): LedgerStep {
  if (!answer.ok) {
    // An unknown effect may still bring its event: it is left to the deadline.
    if (answer.unknown) return { ledger, outcomes: [] };
    return settle(
      ledger,
      (one) => (one.id === id ? { status: 'failed', code: answer.code } : undefined),
      nowMs,
    );
  }
  const found = ledger.open.find((one) => one.id === id);
  if (!found) return { ledger, outcomes: [] };
  if (OPERATION_RULES[found.kind].by === 'request') {
    return settle(ledger, (one) => (one === found ? { status: 'succeeded' } : undefined), nowMs);
  }
  const accepted: Operation = compact({
    ...found,
    accepted: true,
    recordingId: answer.recordingId ?? found.recordingId,
  });
  return {
    ledger: { ...ledger, open: ledger.open.map((one) => (one === found ? accepted : one)) },
    outcomes: [],
  };
}

function applyFact(ledger: OperationLedger, fact: OperationSignal, nowMs: number): LedgerStep {
  // The oldest that fits: one event ends one operation.
  const found = ledger.open.find((operation) => verdictOf(operation, fact) !== undefined);
  const verdict = found && verdictOf(found, fact);
  const step =
    found && verdict
      ? settle(ledger, (one) => (one === found ? endingOf(verdict, fact) : undefined), nowMs)
      : { ledger, outcomes: [] };
  if (fact.type !== 'CallDisconnected') return step;
  const open = step.ledger.open.map((one) => ({
    ...one,
    callEnded: true,
    deadlineAtMs: Math.min(one.deadlineAtMs, nowMs + ENDED_GRACE_MS),
  }));
  return { ledger: { ...step.ledger, open }, outcomes: step.outcomes };
}

function endingOf(status: Verdict, fact: OperationSignal): Ending {
  const { result } = fact;
  return compact({
    status,
    result: result ? { code: result.code, subCode: result.subCode } : undefined,
    recordingId: fact.recordingId,
  });
}

function expired(operation: Operation): Ending {
  if (operation.callEnded) return { status: 'call_ended' };
  const silent = OPERATION_RULES[operation.kind].by === 'silence' && operation.accepted;
  return { status: silent ? 'succeeded' : 'timed_out' };
}

/** Ends the operations for which there is an ending. */
function settle(
  ledger: OperationLedger,
  endingFor: (operation: Operation) => Ending | undefined,
  nowMs: number,
): LedgerStep {
  const open: Operation[] = [];
  const outcomes: Outcome[] = [];
  for (const operation of ledger.open) {
    const ending = endingFor(operation);
    if (!ending) {
      open.push(operation);
      continue;
    }
    outcomes.push(
      compact({
        id: operation.id,
        kind: operation.kind,
        idempotencyKey: operation.idempotencyKey,
        startedAtMs: operation.startedAtMs,
        endedAtMs: nowMs,
        status: ending.status,
        code: ending.code,
        result: ending.result,
        recordingId: operation.recordingId ?? ending.recordingId,
      }),
    );
  }
  if (outcomes.length === 0) return { ledger, outcomes };
  return { ledger: { open, settled: [...ledger.settled, ...outcomes].slice(-MAX_SETTLED) }, outcomes };
}
