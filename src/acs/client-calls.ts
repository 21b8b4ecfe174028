import type { CallConnection } from '@azure/communication-call-automation';
import { failure } from './client-errors.js';
import { invite, readCall, readProperties, streamingOptions } from './client-requests.js';
import type { Wire } from './client-run.js';
import type { AcsClient, AcsResult } from './client-types.js';
import { ACS_CODES } from './codes.js';
import type { FactParticipant } from './facts.js';
import { asBoolean, asText, compact } from './fields.js';
import { kindOfRawId, toSdkIdentifier } from './identifiers.js';

type CallMethods = Pick<
  AcsClient,
  | 'answer'
  | 'reject'
  | 'redirect'
  | 'createCall'
  | 'properties'
  | 'hangUp'
  | 'transfer'
  | 'listParticipants'
  | 'addParticipant'
  | 'removeParticipant'
  | 'muteParticipant'
>;

/** Calls and who is in them. */
export function callMethods(wire: Wire): CallMethods {
  const call = (callId: string): CallConnection => wire.sdk.getCallConnection(callId);
  return {
    answer: async (request) => {
      const { incomingCallContext, callbackUri } = request;
      const result = await wire.run('repeatable', request, () =>
        wire.sdk.answerCall(incomingCallContext, callbackUri, streamingOptions(request)),
      );
      return usable(result, (answered) => readCall(answered.callConnectionProperties));
    },
    reject: (incomingCallContext, options) =>
      nothing(
        wire.run('repeatable', options, () =>
          wire.sdk.rejectCall(incomingCallContext, { callRejectReason: options?.reason ?? 'busy' }),
        ),
      ),
    redirect: (incomingCallContext, target, options) =>
      nothing(
        wire.run('repeatable', options, () => wire.sdk.redirectCall(incomingCallContext, invite(target))),
      ),
    createCall: async (request) => {
      const target = invite(request.target, request.sourceNumber, request.sourceDisplayName);
      const result = await wire.run('repeatable', request, () =>
        wire.sdk.createCall(target, request.callbackUri, streamingOptions(request)),
      );
      return usable(result, (created) => readCall(created.callConnectionProperties));
    },
    properties: async (callId, options) => {
      const result = await wire.run('idempotent', options, () => call(callId).getCallConnectionProperties());
      return usable(result, readProperties);
    },
    hangUp: (callId, options) => {
      const forEveryone = options?.forEveryone ?? false;
      return wire.run(
        forEveryone ? 'repeatable' : 'idempotent',
        options,
        () => call(callId).hangUp(forEveryone),
        wire.hangUpDeadlineMs,
      );
    },
    transfer: (callId, request) =>
      nothing(
        wire.run('repeatable', request, () =>
          call(callId).transferCallToParticipant(
            toSdkIdentifier(request.target),
            compact({
              operationContext: request.operationContext,
              transferee: request.transferee ? toSdkIdentifier(request.transferee) : undefined,
              sourceCallIdNumber: request.sourceNumber ? { phoneNumber: request.sourceNumber } : undefined,
            }),
          ),
        ),
      ),
    listParticipants: async (callId, options) => {
      const result = await wire.run('idempotent', options, () => call(callId).listParticipants());
      return usable(result, (list) => (list.values ?? []).flatMap(readParticipant));
    },
    addParticipant: async (callId, request) => {
      const target = invite(request.participant, request.sourceNumber, request.sourceDisplayName);
      const result = await wire.run('repeatable', request, () =>
        call(callId).addParticipant(
          target,
          compact({
            operationContext: request.operationContext,
            invitationTimeoutInSeconds: request.invitationTimeoutS,
          }),
        ),
      );
      return usable(result, (added) => compact({ invitationId: asText(added.invitationId, 512) }));
    },
    removeParticipant: (callId, participant, options) =>
      nothing(
        wire.run('repeatable', options, () =>
          call(callId).removeParticipant(
            toSdkIdentifier(participant),
            compact({ operationContext: options?.operationContext }),
          ),
        ),
      ),
    muteParticipant: (callId, participant, options) =>
      nothing(
        wire.run('repeatable', options, () =>
          call(callId).muteParticipant(
            toSdkIdentifier(participant),
            compact({ operationContext: options?.operationContext }),
          ),
        ),
      ),
  };
}

/** Reads a success; one that does not say what it must is a failure of unknown effect. */
export function usable<T, R>(result: AcsResult<T>, read: (value: T) => R | undefined): AcsResult<R> {
  if (!result.ok) return result;
  const value = read(result.value);
  return value === undefined ? failure(ACS_CODES.unexpectedResponse, { unknown: true }) : { ok: true, value };
}

/** Keeps SDK objects out of results that say nothing. */
export async function nothing(running: Promise<AcsResult<unknown>>): Promise<AcsResult<void>> {
  const result = await running;
  return result.ok ? { ok: true, value: undefined } : result;
}

/** A participant as the SDK has converted it: each kind of identifier names its id in another field. */
function readParticipant(entry: {
  identifier?: unknown;
  isMuted?: boolean;
  isOnHold?: boolean;
}): FactParticipant[] {
  const id = (entry.identifier ?? {}) as Readonly<Record<string, unknown>>;
  const phoneNumber = asText(id.phoneNumber, 64);
  const rawId =
    asText(id.rawId, 512) ??
    asText(id.communicationUserId, 512) ??
    (phoneNumber ? `4:${phoneNumber}` : undefined) ??
    asText(id.id, 512);
  if (!rawId) return [];
  return [
    compact({
      rawId,
      kind: phoneNumber ? ('phoneNumber' as const) : kindOfRawId(rawId),
      phoneNumber: phoneNumber === 'anonymous' ? undefined : phoneNumber,
      isMuted: asBoolean(entry.isMuted) ?? false,
      isOnHold: asBoolean(entry.isOnHold) ?? false,
    }),
  ];
}
