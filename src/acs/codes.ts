/**
 * Stable error codes of everything said to or by ACS. Codes only: no text of a response, no raw id and
 * no number ever goes with them into a log.
 */

/** Why an operation against ACS did not return a value. */
export const ACS_CODES = {
  /** An argument was refused here, nothing was sent. */
  badArgument: 'RTV_ACS_BAD_ARGUMENT',
  /** Connection string, endpoint or credential cannot be used. */
  setup: 'RTV_ACS_SETUP',
  /** 400/8501: the call is not (yet) established. */
  notEstablished: 'RTV_ACS_NOT_ESTABLISHED',
  /** 400/8528: the call is terminated. */
  callEnded: 'RTV_ACS_CALL_ENDED',
  /** 404/8522: ACS does not know the call. */
  callNotFound: 'RTV_ACS_CALL_NOT_FOUND',
  /** 409/8519, or another conflict with what the call is doing. */
  conflict: 'RTV_ACS_CONFLICT',
  /** 412/8583: the action does not go together with the current media state. */
  mediaIncompatible: 'RTV_ACS_MEDIA_INCOMPATIBLE',
  /** Another 4xx. */
  refused: 'RTV_ACS_REFUSED',
  /** 401/403. */
  unauthorized: 'RTV_ACS_UNAUTHORIZED',
  /** 404 of something that is not a call. */
  notFound: 'RTV_ACS_NOT_FOUND',
  /** 429. */
  throttled: 'RTV_ACS_THROTTLED',
  /** 503. */
  busy: 'RTV_ACS_BUSY',
  /** 408 and another 5xx: the effect may have taken place. */
  serverError: 'RTV_ACS_SERVER_ERROR',
  /** No connection was made: nothing was sent. */
  unreachable: 'RTV_ACS_UNREACHABLE',
  /** The connection broke after the request may have left. */
  connectionLost: 'RTV_ACS_CONNECTION_LOST',
  /** The deadline passed with no answer. */
  timedOut: 'RTV_ACS_TIMED_OUT',
  /** The caller's signal ended the wait. */
  aborted: 'RTV_ACS_ABORTED',
  /** A success that is not the documented one, or a body that cannot be read. */
  unexpectedResponse: 'RTV_ACS_UNEXPECTED_RESPONSE',
} as const;

export type AcsErrorCode = (typeof ACS_CODES)[keyof typeof ACS_CODES];

/** Why one event of a batch was not kept. */
export const EVENT_CODES = {
  notAnObject: 'RTV_ACS_EVENT_NOT_AN_OBJECT',
  noId: 'RTV_ACS_EVENT_NO_ID',
  noType: 'RTV_ACS_EVENT_NO_TYPE',
  noCall: 'RTV_ACS_EVENT_NO_CALL',
  noContext: 'RTV_ACS_EVENT_NO_CONTEXT',
  batchFull: 'RTV_ACS_EVENT_BATCH_FULL',
} as const;

export type EventCode = (typeof EVENT_CODES)[keyof typeof EVENT_CODES];

/** Why a request at one of the public doors was refused. */
export const AUTH_CODES = {
  missing: 'RTV_AUTH_MISSING',
  malformed: 'RTV_AUTH_MALFORMED',
  algorithm: 'RTV_AUTH_ALGORITHM',
  signature: 'RTV_AUTH_SIGNATURE',
  keyUnknown: 'RTV_AUTH_KEY_UNKNOWN',
  /** The signing keys could not be read: the sender may try again (503). */
  keysUnavailable: 'RTV_AUTH_KEYS_UNAVAILABLE',
  issuer: 'RTV_AUTH_ISSUER',
  audience: 'RTV_AUTH_AUDIENCE',
  expired: 'RTV_AUTH_EXPIRED',
  notYetValid: 'RTV_AUTH_NOT_YET_VALID',
  claim: 'RTV_AUTH_CLAIM',
  /** A known token with another body, or on another call. */
  replayed: 'RTV_AUTH_REPLAYED',
  secret: 'RTV_AUTH_SECRET',
} as const;

export type AuthCode = (typeof AUTH_CODES)[keyof typeof AUTH_CODES];
