import type { RedisFailureCode } from './errors.js';

/**
 * What a failed operation means for the caller.
 * - `refused`: the server said no. Nothing of a single command happened. A script stops at the failing call,
 *   what it wrote before that stays.
 * - `unknown`: no answer. It may have happened, may not have, or may still happen later.
 * - `unavailable`: it was never sent.
 */
export type FailureKind = 'refused' | 'unknown' | 'unavailable';

export type { RedisFailureCode };

/** A Redis operation that failed. Carries no argument of the command: those hold what callers said. */
export class RedisFailure extends Error {
  /** First word of the server's error (`WRONGTYPE`, `OOM`, `READONLY`, …), for `refused` alone. */
  readonly reply: string | undefined;

  constructor(
    readonly kind: FailureKind,
    readonly code: RedisFailureCode,
    readonly operation: string,
    detail: string,
    reply?: string,
  ) {
    super(`${operation}: ${detail}`);
    this.name = 'RedisFailure';
    this.reply = reply;
  }
}

/** A value that is there but cannot be read as what was asked for. It is left where it is. */
export class RedisValueError extends Error {
  readonly code = 'RTV_REDIS_VALUE_UNREADABLE';

  constructor(readonly key: string) {
    super('the stored value cannot be read');
    this.name = 'RedisValueError';
  }
}

/** Refusals that speak of the server's condition, not of the command: other workers meet them too. */
const CONDITIONS: ReadonlySet<string> = new Set([
  'OOM',
  'READONLY',
  'LOADING',
  'MISCONF',
  'MASTERDOWN',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'NOREPLICAS',
  'BUSY',
  'NOAUTH',
]);

/** Conditions that tend to pass within a deadline. */
const PASSING: ReadonlySet<string> = new Set(['LOADING', 'TRYAGAIN', 'CLUSTERDOWN', 'MASTERDOWN']);

/** True when the server refused because of its own state (no memory, read-only, loading, …). */
export function isServerCondition(failure: RedisFailure): boolean {
  return failure.reply !== undefined && CONDITIONS.has(failure.reply);
}

/** True when the same operation, if safe to repeat, may succeed a few milliseconds later. */
export function mayPass(failure: RedisFailure): boolean {
  if (failure.kind === 'refused') return failure.reply !== undefined && PASSING.has(failure.reply);
  return failure.code === 'RTV_REDIS_CONNECTION_LOST' || failure.code === 'RTV_REDIS_NOT_CONNECTED';
}

// ioredis says these before anything was written to a socket.
const NEVER_SENT = ["Stream isn't writeable", "Cluster isn't ready", 'None of startup nodes is available'];
const LOCAL_CROSSSLOT = ['All keys in the pipeline', 'All the keys in a pipeline'];

/**
 * Reads an error of ioredis. Undefined for an error that is not Redis's at all, such as a bug in the caller's
 * own function. "Connection is closed." stands for both never sent and lost after sending, so it is unknown.
 */
export function classify(error: unknown, operation: string): RedisFailure | undefined {
  if (error instanceof RedisFailure) return error;
  if (!(error instanceof Error)) return undefined;
  if (error.name === 'ReplyError') return refused(error.message, operation);
  if (startsWithOne(error.message, NEVER_SENT)) {
    return new RedisFailure('unavailable', 'RTV_REDIS_NOT_CONNECTED', operation, 'not connected');
  }
  if (startsWithOne(error.message, LOCAL_CROSSSLOT)) return refused('CROSSSLOT', operation);
  if (error instanceof TypeError || error instanceof SyntaxError || error instanceof RangeError)
    return undefined;
  if ('code' in error && typeof error.code === 'string' && error.code.startsWith('RTV_')) return undefined;
  return new RedisFailure('unknown', 'RTV_REDIS_CONNECTION_LOST', operation, 'the connection was lost');
}

function refused(message: string, operation: string): RedisFailure {
  const reply = /^[A-Z][A-Z0-9_]*/.exec(message)?.[0] ?? 'ERR';
  const detail = reply === 'ERR' ? `refused: ${scrub(message)}` : `refused: ${reply}`;
  return new RedisFailure('refused', 'RTV_REDIS_REFUSED', operation, detail, reply);
}

/** A server's ERR text without what it quotes from the command. */
function scrub(message: string): string {
  const bare = message.replace(/,? with args beginning with.*$/s, '').replace(/(['"`]).*?\1/gs, '…');
  return bare.length > 160 ? `${bare.slice(0, 160)}…` : bare;
}

function startsWithOne(message: string, starts: readonly string[]): boolean {
  return starts.some((start) => message.startsWith(start));
}
