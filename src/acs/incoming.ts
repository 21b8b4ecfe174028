import type { RejectedEvent } from './callbacks.js';
import { EVENT_CODES, type EventCode } from './codes.js';
import {
  asObject,
  asProse,
  asSafeId,
  asText,
  asTimeMs,
  compact,
  type JsonObject,
  parseJson,
} from './fields.js';
import { type CallParty, readParty } from './identifiers.js';

/** Headers that the caller attached to the call. Personal data is possible in their values. */
export interface CustomContext {
  readonly sipHeaders: Readonly<Record<string, string>>;
  readonly voipHeaders: Readonly<Record<string, string>>;
}

/** A call that waits to be answered, rejected or redirected. */
export interface IncomingCall {
  /** Event Grid id: the same after a redelivery. */
  readonly eventId: string;
  /** Names the call until it has a call connection id. */
  readonly correlationId: string;
  readonly serverCallId?: string;
  /** Opaque, several KB. A credential: it answers the call. */
  readonly incomingCallContext: string;
  readonly from?: CallParty;
  readonly to?: CallParty;
  readonly callerDisplayName?: string;
  readonly customContext?: CustomContext;
  /** Event Grid's event time, ms since the epoch. */
  readonly atMs?: number;
}

export type ParsedIncoming =
  | { readonly kind: 'validation'; readonly validationCode: string }
  | {
      readonly kind: 'events';
      readonly calls: IncomingCall[];
      /** Events of other types. */
      readonly ignored: number;
      /** IncomingCall events (or things that are no events) that cannot be used. */
      readonly rejected: RejectedEvent[];
    }
  | { readonly kind: 'malformed' };

/** Request headers as Node gives them: names in lower case. */
export type RequestHeaders = Readonly<Record<string, string | string[] | undefined>>;

const INCOMING_CALL = 'Microsoft.Communication.IncomingCall';
const VALIDATION = 'Microsoft.EventGrid.SubscriptionValidationEvent';
/** Event Grid batches hold at most 5,000 events. */
const MAX_EVENTS = 5000;
const MAX_CONTEXT = 65_536;
const MAX_CUSTOM_HEADERS = 64;

/**
 * Reads what Event Grid posts: an array of events in its own schema or in CloudEvents 1.0 (one alone too),
 * the validation handshake included. Never throws; the good of a batch is kept.
 * @param headers request headers; a validation event counts only where `aeg-event-type`, if present, says so.
 */
export function parseIncoming(headers: RequestHeaders, body: Uint8Array): ParsedIncoming {
  const json = parseJson(body);
  if (!json) return { kind: 'malformed' };
  const events = Array.isArray(json.value) ? (json.value as unknown[]) : [json.value];
  if (!Array.isArray(json.value) && !asObject(json.value)) return { kind: 'malformed' };
  const calls: IncomingCall[] = [];
  const rejected: RejectedEvent[] = [];
  let ignored = 0;
  for (const [index, value] of events.entries()) {
    if (index >= MAX_EVENTS) {
      rejected.push({ index, code: EVENT_CODES.batchFull });
      break;
    }
    const event = asObject(value);
    if (!event) {
      rejected.push({ index, code: EVENT_CODES.notAnObject });
      continue;
    }
    const type = asText(event.eventType, 256) ?? asText(event.type, 256);
    if (type === VALIDATION && isValidation(headers)) {
      const validationCode = asText(asObject(event.data)?.validationCode, 512);
      return validationCode ? { kind: 'validation', validationCode } : { kind: 'malformed' };
    }
    if (type !== INCOMING_CALL) {
      if (type) ignored += 1;
      else rejected.push({ index, code: EVENT_CODES.noType });
      continue;
    }
    const call = readIncomingCall(event);
    if (typeof call === 'string') rejected.push({ index, code: call });
    else calls.push(call);
  }
  return { kind: 'events', calls, ignored, rejected };
}

function isValidation(headers: RequestHeaders): boolean {
  const type = headers['aeg-event-type'];
  return type === undefined || (typeof type === 'string' && type.toLowerCase() === 'subscriptionvalidation');
}

function readIncomingCall(event: JsonObject): IncomingCall | EventCode {
  const eventId = asText(event.id, 256);
  if (!eventId) return EVENT_CODES.noId;
  const data = asObject(event.data) ?? {};
  const correlationId = asSafeId(data.correlationId);
  if (!correlationId) return EVENT_CODES.noCall;
  const incomingCallContext = asText(data.incomingCallContext, MAX_CONTEXT);
  if (!incomingCallContext) return EVENT_CODES.noContext;
  return compact({
    eventId,
    correlationId,
    serverCallId: asText(data.serverCallId, 2048),
    incomingCallContext,
    from: readParty(data.from),
    to: readParty(data.to),
    callerDisplayName: asProse(data.callerDisplayName, 256),
    customContext: readCustomContext(data.customContext),
    atMs: asTimeMs(event.eventTime) ?? asTimeMs(event.time),
  });
}

function readCustomContext(value: unknown): CustomContext | undefined {
  const context = asObject(value);
  if (!context) return undefined;
  return { sipHeaders: readHeaders(context.sipHeaders), voipHeaders: readHeaders(context.voipHeaders) };
}

function readHeaders(value: unknown): Record<string, string> {
  const headers: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, text] of Object.entries(asObject(value) ?? {}).slice(0, MAX_CUSTOM_HEADERS)) {
    const kept = asText(text, 2048);
    if (kept && name.length <= 128) headers[name] = kept;
  }
  return { ...headers };
}
