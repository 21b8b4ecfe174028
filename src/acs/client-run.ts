import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CallAutomationClient, CallAutomationClientOptions } from '@azure/communication-call-automation';
import { classify, failure } from './client-errors.js';
import type { AcsFailure, AcsResult, CallOptions } from './client-types.js';
import { ACS_CODES } from './codes.js';

/**
 * How often an operation may be sent again when the first attempt left its effect unknown.
 * `repeatable`: ACS knows its repeatability-request-id. `idempotent`: doing it twice is doing it once.
 * `once`: not again unless it certainly did not take place.
 */
export type Repeat = 'repeatable' | 'idempotent' | 'once';

/** What the operations are made of. */
export interface Wire {
  readonly sdk: CallAutomationClient;
  readonly hangUpDeadlineMs: number;
  run<T>(
    repeat: Repeat,
    options: CallOptions | undefined,
    send: () => Promise<T>,
    deadlineMs?: number,
  ): Promise<AcsResult<T>>;
}

/** A request in flight: the SDK drops the options of many methods, so its policy reads them here. */
interface InFlight {
  readonly signal: AbortSignal;
  readonly repeatabilityId: string;
  readonly firstSent: string;
}

const MAX_ATTEMPTS = 4;
const BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 1000;
const ID_HEADER = 'repeatability-request-id';

/** The SDK's own type, without importing the package that declares it. */
type Policies = NonNullable<CallAutomationClientOptions['additionalPolicies']>;

export interface Runner {
  readonly policies: Policies;
  run<T>(
    repeat: Repeat,
    options: CallOptions | undefined,
    deadlineMs: number,
    send: () => Promise<T>,
  ): Promise<AcsResult<T>>;
}

/**
 * Runs SDK calls under a deadline over all attempts. The SDK's own retries are off: they know neither
 * the deadline nor which operations may be sent twice.
 */
export function createRunner(): Runner {
  const inFlight = new AsyncLocalStorage<InFlight>();
  const policies: Policies = [
    {
      position: 'perCall',
      policy: {
        name: 'rtvoiceRequestPolicy',
        sendRequest(request, next) {
          const current = inFlight.getStore();
          if (current) {
            request.abortSignal = current.signal;
            // Only where the SDK sends one: the other operations do not know the header.
            if (request.headers.has(ID_HEADER)) {
              request.headers.set(ID_HEADER, current.repeatabilityId);
              request.headers.set('repeatability-first-sent', current.firstSent);
            }
          }
          return next(request);
        },
      },
    },
  ];
  return {
    policies,
    async run(repeat, options, deadlineMs, send) {
      const caller = options?.signal;
      if (caller?.aborted) return failure(ACS_CODES.aborted, { retryable: true });
      const limitMs = Math.max(1, options?.deadlineMs ?? deadlineMs);
      const endMs = performance.now() + limitMs;
      const ended = new AbortController();
      const end = () => ended.abort();
      const timer = setTimeout(end, limitMs);
      caller?.addEventListener('abort', end, { once: true });
      const store: InFlight = {
        signal: ended.signal,
        repeatabilityId: options?.repeatabilityId ?? randomUUID(),
        firstSent: new Date(options?.firstSentMs ?? Date.now()).toUTCString(),
      };
      try {
        return await attempts(repeat, endMs, ended.signal, caller, () => inFlight.run(store, send));
      } finally {
        clearTimeout(timer);
        caller?.removeEventListener('abort', end);
      }
    },
  };
}

async function attempts<T>(
  repeat: Repeat,
  endMs: number,
  signal: AbortSignal,
  caller: AbortSignal | undefined,
  send: () => Promise<T>,
): Promise<AcsResult<T>> {
  // Once an attempt may have had its effect, a later refusal does not take that back.
  let unknown = false;
  for (let attempt = 1; ; attempt += 1) {
    const result = await attemptOnce(send, signal, caller);
    if (result.ok) return result;
    unknown ||= result.unknown;
    const outcome: AcsFailure = unknown ? { ...result, unknown } : result;
    const waitMs = waitBefore(attempt, repeat, result);
    if (waitMs === undefined || performance.now() + waitMs >= endMs) return outcome;
    try {
      await sleep(waitMs, undefined, { signal });
    } catch {
      return outcome;
    }
  }
}

/** One attempt; ends with the signal even where the SDK does not. */
async function attemptOnce<T>(
  send: () => Promise<T>,
  signal: AbortSignal,
  caller: AbortSignal | undefined,
): Promise<AcsResult<T>> {
  const cutOff = () =>
    failure(caller?.aborted ? ACS_CODES.aborted : ACS_CODES.timedOut, { retryable: true, unknown: true });
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<AcsFailure>((resolve) => {
    onAbort = () => resolve(cutOff());
    signal.addEventListener('abort', onAbort, { once: true });
  });
  const answered = async (): Promise<AcsResult<T>> => {
    try {
      return { ok: true, value: await send() };
    } catch (error) {
      return signal.aborted ? cutOff() : classify(error, Date.now());
    }
  };
  try {
    return await Promise.race([answered(), aborted]);
  } finally {
    if (onAbort) signal.removeEventListener('abort', onAbort);
  }
}

/** Ms to wait before the next attempt, or undefined when this one was the last. */
function waitBefore(attempt: number, repeat: Repeat, result: AcsFailure): number | undefined {
  if (attempt >= MAX_ATTEMPTS || !result.retryable) return undefined;
  const backoffMs = Math.min(MAX_BACKOFF_MS, BACKOFF_MS * 2 ** (attempt - 1)) * (0.75 + Math.random() / 2);
  switch (result.code) {
    case ACS_CODES.throttled:
    case ACS_CODES.busy:
    case ACS_CODES.unreachable:
      return result.retryAfterMs ?? backoffMs;
    case ACS_CODES.serverError:
    case ACS_CODES.connectionLost:
      return repeat === 'once' ? undefined : (result.retryAfterMs ?? backoffMs);
    default:
      return undefined;
  }
}
