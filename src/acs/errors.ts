/** Causes and cures of the codes in codes.ts, for docs/errors.md. `status`: what a refused door answers. */
import type { ErrorEntry } from '../errors.js';
import type { AcsErrorCode, AuthCode, EventCode } from './codes.js';

/** Operations that ACS, or the way to it, did not carry out. */
export const ACS_ERRORS = {
  RTV_ACS_BAD_ARGUMENT: {
    cause: 'An argument of an ACS operation was refused before anything was sent.',
    cure: 'A fault of this program: look at the operation in the log entry, and report it.',
  },
  RTV_ACS_SETUP: {
    cause: 'The ACS connection string, endpoint or credential cannot be used.',
    cure: 'Set ACS_CONNECTION_STRING to endpoint=https://…;accesskey=…; http endpoints need ACS_ALLOW_INSECURE.',
  },
  RTV_ACS_NOT_ESTABLISHED: {
    cause: 'ACS answered 8501: the call is not connected yet.',
    cure: 'Try again after CallConnected; the client does so where it is safe.',
  },
  RTV_ACS_CALL_ENDED: {
    cause: 'ACS answered 8528: the call is over.',
    cure: 'Nothing to do: the record of the call is closed.',
  },
  RTV_ACS_CALL_NOT_FOUND: {
    cause: 'ACS answered 8522: it does not know the call (any more).',
    cure: 'The call is treated as disconnected. If it lives, ACS_CONNECTION_STRING names another resource.',
  },
  RTV_ACS_CONFLICT: {
    cause: 'ACS answered 409: the call was answered already, or is busy with another operation.',
    cure: 'Expected after a redelivered IncomingCall; otherwise try again.',
  },
  RTV_ACS_MEDIA_INCOMPATIBLE: {
    cause:
      'ACS answered 412: the action does not fit the state of the media, such as a start of what is active.',
    cure: 'Nothing to do if the stream is there; otherwise stop it first, then start.',
  },
  RTV_ACS_REFUSED: {
    cause: 'ACS refused the request with another 4xx status.',
    cure: 'Status and sub-code stand in the log entry; look them up in the Call Automation error list.',
  },
  RTV_ACS_UNAUTHORIZED: {
    cause: 'ACS answered 401 or 403.',
    cure: 'Check the access key in ACS_CONNECTION_STRING and the clock of this machine.',
  },
  RTV_ACS_NOT_FOUND: {
    cause: 'ACS answered 404 for something that is not a call.',
    cure: 'Check that the participant, recording or operation still exists.',
  },
  RTV_ACS_THROTTLED: {
    cause: 'ACS answered 429.',
    cure: 'The client waits for Retry-After and tries again; lower the rate or ask for a higher quota if it lasts.',
  },
  RTV_ACS_BUSY: {
    cause: 'ACS answered 503.',
    cure: 'The client tries again; if it lasts, look at the service health of the region.',
  },
  RTV_ACS_SERVER_ERROR: {
    cause: 'ACS answered 408 or a 5xx other than 503: the effect may have taken place.',
    cure: 'What became of it arrives as an event; the reminder asks ACS for calls that stay silent.',
  },
  RTV_ACS_UNREACHABLE: {
    cause: 'No connection to ACS was made; nothing was sent.',
    cure: 'Check name resolution, network and certificates on the way to the endpoint.',
  },
  RTV_ACS_CONNECTION_LOST: {
    cause: 'The connection to ACS broke after the request may have left.',
    cure: 'The effect is unknown; requests with a repeatability id are sent again.',
  },
  RTV_ACS_TIMED_OUT: {
    cause: 'ACS did not answer within the deadline; the effect is unknown.',
    cure: 'Look at the latency to the endpoint; what became of it arrives as an event.',
  },
  RTV_ACS_ABORTED: {
    cause: 'The wait for ACS was ended by this program, for instance at shutdown.',
    cure: 'Nothing to do.',
  },
  RTV_ACS_UNEXPECTED_RESPONSE: {
    cause: 'ACS answered with a success that is not the documented one, or with a body that cannot be read.',
    cure: 'Check that the endpoint is ACS and not a proxy; report it with the status in the log.',
  },
} as const satisfies Record<AcsErrorCode, ErrorEntry>;

/** Events of a batch that were left out; the others of the batch count. */
export const EVENT_ERRORS = {
  RTV_ACS_EVENT_NOT_AN_OBJECT: {
    cause: 'An entry of a batch of events is not a JSON object.',
    cure: 'Only Event Grid events and CloudEvents are taken; check what posts to this address.',
  },
  RTV_ACS_EVENT_NO_ID: {
    cause: 'An event has no id.',
    cure: 'Send the id: without it a repetition cannot be told from a new event.',
  },
  RTV_ACS_EVENT_NO_TYPE: {
    cause: 'An event has neither a type nor an eventType.',
    cure: 'Check the event schema of the subscription: Event Grid or CloudEvents 1.0.',
  },
  RTV_ACS_EVENT_NO_CALL: {
    cause: 'An event names no call: no usable correlationId or callConnectionId.',
    cure: 'Check that the sender is Call Automation.',
  },
  RTV_ACS_EVENT_NO_CONTEXT: {
    cause: 'An IncomingCall event holds no incomingCallContext.',
    cure: 'The call cannot be answered without it; check the event subscription.',
  },
  RTV_ACS_EVENT_BATCH_FULL: {
    cause: 'A batch holds more events than are read: 5000 from Event Grid, 1024 callbacks.',
    cure: 'Lower the maximum events per batch of the subscription.',
  },
} as const satisfies Record<EventCode, ErrorEntry>;

/** Requests that a public door refused. */
export const AUTH_ERRORS = {
  RTV_AUTH_MISSING: {
    status: 401,
    cause: 'The request carries no credential.',
    cure: 'Event Grid: add the secret as a delivery property. ACS always sends a token: is the sender ACS?',
  },
  RTV_AUTH_MALFORMED: {
    status: 401,
    cause: 'The Authorization header is no Bearer JWT, or the socket names no call connection.',
    cure: 'Check that no proxy rewrites the header.',
  },
  RTV_AUTH_ALGORITHM: {
    status: 401,
    cause: 'The token is signed with another algorithm than RS256.',
    cure: 'ACS and Entra ID sign with RS256: treat it as an attack until explained.',
  },
  RTV_AUTH_SIGNATURE: {
    status: 401,
    cause: 'The signature of the token does not verify.',
    cure: 'Treat it as an attack until explained; check that the key set is that of the issuer.',
  },
  RTV_AUTH_KEY_UNKNOWN: {
    status: 401,
    cause: 'The token names a signing key that the issuer does not publish.',
    cure: 'Keys are read again within seconds of a rotation; if it lasts, check ACS_JWT_ISSUER and ACS_JWKS_URL.',
  },
  RTV_AUTH_KEYS_UNAVAILABLE: {
    status: 503,
    cause: 'The signing keys of the issuer could not be read.',
    cure: 'Open the way to the issuer (outbound https); the sender tries again.',
  },
  RTV_AUTH_ISSUER: {
    status: 401,
    cause: 'The token was issued by somebody else.',
    cure: 'Compare ACS_JWT_ISSUER, or EVENT_GRID_TENANT_ID, with the issuer in the token of the sender.',
  },
  RTV_AUTH_AUDIENCE: {
    status: 401,
    cause: 'The token is meant for another resource.',
    cure: 'The audience of ACS tokens is the immutable id of the ACS resource: check ACS_RESOURCE_ID.',
  },
  RTV_AUTH_EXPIRED: {
    status: 401,
    cause: 'The token has expired.',
    cure: 'ACS tokens live five minutes: check the clock of this machine.',
  },
  RTV_AUTH_NOT_YET_VALID: {
    status: 401,
    cause: 'The token is not valid yet.',
    cure: 'Check the clock of this machine; 60 s of difference are allowed.',
  },
  RTV_AUTH_CLAIM: {
    status: 401,
    cause: 'A claim of the token is missing, or the application that sent it is not on the list.',
    cure: 'Compare EVENT_GRID_APP_IDS with the sender.',
  },
  RTV_AUTH_REPLAYED: {
    status: 401,
    cause: 'A token came again with another body, or for another call.',
    cure: 'Treat it as an attack until explained; redeliveries repeat the body and pass.',
  },
  RTV_AUTH_SECRET: {
    status: 401,
    cause: 'The Event Grid secret is not one of those that count.',
    cure: 'Give the delivery property of the event subscription one of those in EVENT_GRID_SECRET.',
  },
} as const satisfies Record<AuthCode, ErrorEntry>;
