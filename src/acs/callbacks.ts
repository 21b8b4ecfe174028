import { EVENT_CODES, type EventCode } from './codes.js';
import { readDetail } from './fact-details.js';
import type { AcsFact, FactResult } from './facts.js';
import { asInteger, asObject, asProse, asSafeId, asText, asTimeMs, compact, parseJson } from './fields.js';

/** An event of a batch that was not kept, by its place in the array. */
export interface RejectedEvent {
  readonly index: number;
  readonly code: EventCode;
}

export type ParsedCallbacks =
  | { readonly malformed?: false; readonly facts: AcsFact[]; readonly rejected: RejectedEvent[] }
  | { readonly malformed: true };

/** More events than this in one body are not read: ACS usually sends one. */
export const MAX_EVENTS_PER_BODY = 1024;
const MAX_ID = 256;
const MAX_CONTEXT = 5000;
const MAX_MESSAGE = 512;

/**
 * Reads a body of mid-call callbacks: an array of CloudEvents 1.0, or one alone. Keeps what is good in a
 * batch, in its order and with its duplicates; never throws.
 * @param body raw bytes, already bounded by the HTTP server.
 */
export function parseCallbacks(body: Uint8Array): ParsedCallbacks {
  const json = parseJson(body);
  if (!json) return { malformed: true };
  const events = Array.isArray(json.value) ? (json.value as unknown[]) : [json.value];
  if (!Array.isArray(json.value) && !asObject(json.value)) return { malformed: true };
  const facts: AcsFact[] = [];
  const rejected: RejectedEvent[] = [];
  for (const [index, event] of events.entries()) {
    if (index >= MAX_EVENTS_PER_BODY) {
      rejected.push({ index, code: EVENT_CODES.batchFull });
      break;
    }
    const fact = readFact(event);
    if (typeof fact === 'string') rejected.push({ index, code: fact });
    else facts.push(fact);
  }
  return { facts, rejected };
}

/** One CloudEvent as a fact, or the code of what it lacks. */
function readFact(value: unknown): AcsFact | EventCode {
  const event = asObject(value);
  if (!event) return EVENT_CODES.notAnObject;
  const id = asText(event.id, MAX_ID);
  if (!id) return EVENT_CODES.noId;
  const data = asObject(event.data) ?? {};
  const rawType = asText(event.type, MAX_ID) ?? asText(data.publicEventType, MAX_ID);
  if (!rawType) return EVENT_CODES.noType;
  const callConnectionId =
    asSafeId(data.callConnectionId) ?? callIdOfPath(event.subject) ?? callIdOfPath(event.source);
  if (!callConnectionId) return EVENT_CODES.noCall;
  const base = compact({
    id,
    rawType,
    callConnectionId,
    correlationId: asText(data.correlationId, MAX_ID),
    serverCallId: asText(data.serverCallId, 2048),
    operationContext: asText(data.operationContext, MAX_CONTEXT),
    atMs: asTimeMs(event.time),
    result: readResult(data.resultInformation),
  });
  return { ...base, ...readDetail(rawType, data) };
}

/** The id in `calling/callConnections/{id}`, when the data does not name it. */
function callIdOfPath(value: unknown): string | undefined {
  const path = asText(value, 512);
  const id = path && /(?:^|\/)callConnections\/([^/:?#]+)/i.exec(path)?.[1];
  return asSafeId(id);
}

function readResult(value: unknown): FactResult | undefined {
  const info = asObject(value);
  if (!info) return undefined;
  const code = asInteger(info.code);
  if (code === undefined) return undefined;
  return { code, subCode: asInteger(info.subCode) ?? 0, message: asProse(info.message, MAX_MESSAGE) ?? '' };
}
