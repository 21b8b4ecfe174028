import { randomUUID } from 'node:crypto';
import type { Tasks } from '../core/tasks.js';
import type { FaultPlan } from '../faults/plan.js';
import { draw, type Range } from '../latency.js';
import type { Chance } from '../random.js';
import { now, sleep, tenths } from '../time.js';
import type { Poster } from './poster.js';
import type { TokenSigner } from './tokens.js';

const PREFIX = 'Microsoft.Communication.';
const DATA_VERSION = '2026-03-12';
/** A slow application holds the following events back no longer than this. */
const ORDER_PATIENCE_MS = 1000;
const RETRY_AFTER_MS = [1000, 3000] as const;
const MAX_LOG = 500;

/** The result of an operation, as events carry it. */
export interface ResultInformation {
  readonly code: number;
  readonly subCode: number;
  readonly message: string;
}

/** One callback in the call's log. */
export interface CallbackRecord {
  readonly id: string;
  readonly type: string;
  /** Since the call was placed, ms. */
  atMs: number;
  readonly operationContext: string | undefined;
  readonly dropped: boolean;
  attempts: number;
  /** Status of the last attempt; 0: none yet, or no answer. */
  status: number;
  /** How long the application took to answer it, ms. */
  tookMs: number;
}

/** What the sender must know about its call. */
export interface CallbackSubject {
  readonly callConnectionId: string;
  readonly serverCallId: string;
  readonly correlationId: string;
}

export interface CallbackSenderOptions {
  readonly subject: CallbackSubject;
  readonly poster: Poster;
  readonly signer: TokenSigner;
  readonly plan: FaultPlan;
  readonly chance: Chance;
  readonly latency: Range;
  /** Multiplies the waits between attempts. */
  readonly retryScale: number;
  readonly tasks: Tasks;
  readonly signal: AbortSignal;
  /** Called when the first attempt of an event leaves. */
  readonly onPosted?: (type: string) => void;
}

/**
 * Posts the callbacks of one call, in order: the next one leaves when the one before was answered, unless a fault
 * holds it back. Failed posts are tried again with the same body and token.
 */
export class CallbackSender {
  readonly log: CallbackRecord[] = [];
  readonly #options: CallbackSenderOptions;
  readonly #startedAt = now();
  #tail: Promise<void> = Promise.resolve();
  #count = 0;

  constructor(options: CallbackSenderOptions) {
    this.#options = options;
  }

  /** Queues one event. `type` comes without its prefix, `data` without the fields common to all. */
  send(uri: string, type: string, data: Readonly<Record<string, unknown>>, operationContext?: string): void {
    const { plan, tasks, chance, latency } = this.#options;
    const fate = plan.event(type);
    const record: CallbackRecord = {
      id: randomUUID(),
      type,
      atMs: tenths(now() - this.#startedAt),
      operationContext,
      dropped: fate.dropped,
      attempts: 0,
      status: 0,
      tookMs: 0,
    };
    if (this.log.length < MAX_LOG) this.log.push(record);
    if (fate.dropped) return;
    this.#count += 1;
    const dueAt = now() + draw(latency, chance, 'event', this.#count);
    const body = JSON.stringify([this.#envelope(record.id, type, data, operationContext)]);
    const deliver = this.#delivery(uri, body, record);
    if (fate.heldMs > 0) {
      tasks.start('callback', async () => {
        if (await sleep(dueAt - now() + fate.heldMs, this.#options.signal)) await deliver();
      });
    } else {
      const before = this.#tail;
      this.#tail = (async () => {
        await before;
        if (!(await sleep(dueAt - now(), this.#options.signal))) return;
        const patience = new AbortController();
        const delivered = deliver().finally(() => patience.abort());
        tasks.start('callback', () => delivered);
        await sleep(ORDER_PATIENCE_MS, patience.signal);
      })();
      tasks.start('callback order', () => this.#tail);
    }
    if (fate.againAfterMs !== undefined) {
      const againMs = fate.againAfterMs;
      tasks.start('callback again', async () => {
        if (await sleep(dueAt - now() + againMs, this.#options.signal)) await deliver();
      });
    }
  }

  /** Resolves when all that was queued in order has been posted once. */
  async drained(): Promise<void> {
    await this.#tail;
  }

  #delivery(uri: string, body: string, record: CallbackRecord): () => Promise<void> {
    const { poster, signer, plan, signal, retryScale } = this.#options;
    let headers: Promise<Record<string, string>> | undefined;
    const makeHeaders = async (): Promise<Record<string, string>> => {
      const authorization = await signer.authorization(plan.token());
      return {
        'content-type': 'application/json; charset=utf-8',
        ...(authorization === undefined ? {} : { authorization }),
      };
    };
    return async () => {
      headers ??= makeHeaders();
      const ready = await headers;
      if (record.attempts === 0) {
        record.atMs = tenths(now() - this.#startedAt);
        this.#options.onPosted?.(record.type);
      }
      for (const waitMs of [0, ...RETRY_AFTER_MS]) {
        if (!(await sleep(waitMs * retryScale, signal))) return;
        record.attempts += 1;
        const answer = await poster.send(uri, body, ready, { signal, timeoutMs: 10_000 });
        record.status = answer.status;
        record.tookMs = answer.tookMs;
        if (!worthRetrying(answer.status)) return;
      }
    };
  }

  #envelope(
    id: string,
    type: string,
    data: Readonly<Record<string, unknown>>,
    operationContext: string | undefined,
  ): Record<string, unknown> {
    const { subject } = this.#options;
    const source = `calling/callConnections/${subject.callConnectionId}`;
    return {
      id,
      source,
      type: `${PREFIX}${type}`,
      data: {
        version: DATA_VERSION,
        ...(operationContext === undefined ? {} : { operationContext }),
        ...data,
        callConnectionId: subject.callConnectionId,
        serverCallId: subject.serverCallId,
        correlationId: subject.correlationId,
        publicEventType: `${PREFIX}${type}`,
      },
      time: new Date().toISOString(),
      specversion: '1.0',
      datacontenttype: 'application/json',
      subject: source,
    };
  }
}

function worthRetrying(status: number): boolean {
  return status === 0 || status === 408 || status === 429 || status >= 500;
}
