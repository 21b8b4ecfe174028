import { randomUUID } from 'node:crypto';
import type { Identifier } from '../core/identity.js';
import { sleep } from '../time.js';
import type { Posted, Poster } from './poster.js';

/** Event Grid's waits between deliveries, seconds; the last one repeats until a day has passed. */
const LADDER_SECONDS = [10, 30, 60, 300, 600, 1800, 3600, 10_800, 21_600, 43_200] as const;
/** Statuses after which Event Grid gives up at once. */
const FINAL_STATUSES = new Set([400, 401, 413]);

/** The data of an IncomingCall event. */
export interface IncomingCallData {
  readonly to: Identifier;
  readonly from: Identifier;
  readonly serverCallId: string;
  readonly callerDisplayName: string;
  readonly incomingCallContext: string;
  readonly correlationId: string;
  readonly customContext?: Readonly<Record<string, unknown>>;
}

export interface EventGridTarget {
  readonly url: string;
  /** Sent with each delivery, for instance a shared secret. */
  readonly headers: Readonly<Record<string, string>>;
  readonly topic: string;
}

/** Makes the body of one IncomingCall delivery: an array with one event. */
export function incomingCallBody(target: EventGridTarget, data: IncomingCallData): string {
  return JSON.stringify([
    {
      id: randomUUID(),
      topic: target.topic,
      subject: `/caller/${data.from.rawId}/recipient/${data.to.rawId}`,
      data,
      eventType: 'Microsoft.Communication.IncomingCall',
      dataVersion: '1.0',
      metadataVersion: '1',
      eventTime: new Date().toISOString(),
    },
  ]);
}

/**
 * Delivers an event at least once: again after 10 s, 30 s, 1 min, … (times `scale`) while the application does not
 * answer 2xx. Returns the last answer. Stops when `signal` aborts.
 */
export async function deliverWithRetries(
  poster: Poster,
  target: EventGridTarget,
  body: string,
  options: { scale: number; signal: AbortSignal; onAttempt?: (attempt: number) => void },
): Promise<Posted | undefined> {
  let last: Posted | undefined;
  for (let attempt = 0; attempt <= LADDER_SECONDS.length; attempt++) {
    const waitSeconds = attempt === 0 ? 0 : (LADDER_SECONDS[attempt - 1] ?? 0);
    if (!(await sleep(waitSeconds * 1000 * options.scale, options.signal))) return last;
    options.onAttempt?.(attempt + 1);
    last = await poster.send(target.url, body, deliveryHeaders(target, 'Notification', attempt), {
      signal: options.signal,
    });
    if ((last.status >= 200 && last.status < 300) || FINAL_STATUSES.has(last.status)) return last;
  }
  return last;
}

/** The outcome of an endpoint validation. */
export interface Validation {
  readonly ok: boolean;
  readonly status: number;
  readonly detail: string;
}

/** Plays Event Grid's SubscriptionValidation handshake: the endpoint must echo the code. */
export async function validateSubscription(poster: Poster, target: EventGridTarget): Promise<Validation> {
  const code = randomUUID();
  const body = JSON.stringify([
    {
      id: randomUUID(),
      topic: target.topic,
      subject: '',
      data: { validationCode: code, validationUrl: '' },
      eventType: 'Microsoft.EventGrid.SubscriptionValidationEvent',
      eventTime: new Date().toISOString(),
      metadataVersion: '1',
      dataVersion: '2',
    },
  ]);
  const answer = await poster.send(target.url, body, deliveryHeaders(target, 'SubscriptionValidation', 0));
  let echoed: unknown;
  try {
    echoed = (JSON.parse(answer.body) as { validationResponse?: unknown } | null)?.validationResponse;
  } catch {
    echoed = undefined;
  }
  const ok = answer.status === 200 && echoed === code;
  return {
    ok,
    status: answer.status,
    detail: ok ? 'validated' : (answer.error ?? 'the code did not come back'),
  };
}

/** Plays the CloudEvents abuse-protection handshake (OPTIONS with WebHook-Request-Origin). */
export async function validateCloudEvents(poster: Poster, target: EventGridTarget): Promise<Validation> {
  const origin = 'eventgrid.simulator';
  const answer = await poster.send(
    target.url,
    '',
    { ...target.headers, 'webhook-request-origin': origin },
    { method: 'OPTIONS' },
  );
  const allowed = answer.headers['webhook-allowed-origin'];
  const ok = answer.status === 200 && (allowed === origin || allowed === '*');
  return {
    ok,
    status: answer.status,
    detail: ok ? 'validated' : (answer.error ?? 'the origin is not allowed'),
  };
}

function deliveryHeaders(target: EventGridTarget, type: string, deliveries: number): Record<string, string> {
  return {
    'content-type': 'application/json; charset=utf-8',
    'aeg-event-type': type,
    'aeg-subscription-name': 'SIMULATOR',
    'aeg-delivery-count': String(deliveries),
    'aeg-data-version': '1.0',
    'aeg-metadata-version': '1',
    ...target.headers,
  };
}
