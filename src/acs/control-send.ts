/** Sends a call-control request through the client. The operation's id goes out as operationContext and comes back with its event. */
import { createHash } from 'node:crypto';
import type { AcsClient, AcsResult } from './client-types.js';
import type { ControlRequest } from './control-requests.js';
import type { RequestAnswer } from './operations.js';

export interface ControlTarget {
  readonly callId: string;
  /** The operation's id. */
  readonly id: string;
  /** Where a recording's state is told. */
  readonly callbackUri: string;
}

/** Never rejects. */
export async function sendControl(
  acs: AcsClient,
  request: ControlRequest,
  target: ControlTarget,
): Promise<RequestAnswer> {
  const result = await send(acs, request, target);
  if (!result.ok) return { ok: false, code: result.code, unknown: result.unknown };
  const recordingId = (result.value as { recordingId?: string } | undefined)?.recordingId;
  return { ok: true, ...(recordingId ? { recordingId } : {}) };
}

function send(
  acs: AcsClient,
  request: ControlRequest,
  { callId, id, callbackUri }: ControlTarget,
): Promise<AcsResult<unknown>> {
  const options = { operationContext: id, repeatabilityId: repeatabilityOf(id) };
  switch (request.kind) {
    case 'hangUp':
      return acs.hangUp(callId, { ...options, forEveryone: request.args.forEveryone });
    case 'transfer':
      return acs.transfer(callId, { ...options, ...request.args });
    case 'addParticipant':
      return acs.addParticipant(callId, { ...options, ...request.args });
    case 'removeParticipant':
      return acs.removeParticipant(callId, request.args.participant, options);
    case 'muteParticipant':
      return acs.muteParticipant(callId, request.args.participant, options);
    case 'play':
      return acs.play(callId, { ...options, ...request.args });
    case 'cancelAllMedia':
      return acs.cancelAllMedia(callId, options);
    case 'recognizeDtmf':
      return acs.recognizeDtmf(callId, { ...options, ...request.args });
    case 'startContinuousDtmf':
      return acs.startContinuousDtmf(callId, request.args.from, options);
    case 'stopContinuousDtmf':
      return acs.stopContinuousDtmf(callId, request.args.from, options);
    case 'sendDtmf':
      return acs.sendDtmf(callId, request.args.tones, request.args.to, options);
    case 'hold': {
      const { participant, music } = request.args;
      return acs.hold(callId, participant, { ...options, ...(music ? { music } : {}) });
    }
    case 'unhold':
      return acs.unhold(callId, request.args.participant, options);
    case 'startMediaStreaming':
      return acs.startMediaStreaming(callId, options);
    case 'stopMediaStreaming':
      return acs.stopMediaStreaming(callId, options);
    case 'startTranscription':
      return acs.startTranscription(callId, { ...options, ...request.args });
    case 'stopTranscription':
      return acs.stopTranscription(callId, options);
    case 'updateTranscription':
      return acs.updateTranscription(callId, request.args.locale, options);
    case 'startRecording':
      return acs.startRecording({
        callConnectionId: callId,
        stateCallbackUri: callbackUri,
        repeatabilityId: options.repeatabilityId,
        ...request.args,
      });
    case 'pauseRecording':
      return acs.pauseRecording(request.args.recordingId, options);
    case 'resumeRecording':
      return acs.resumeRecording(request.args.recordingId, options);
    case 'stopRecording':
      return acs.stopRecording(request.args.recordingId, options);
  }
}

/** A UUID that the operation's id determines: sent again by whomever, it is the same request. */
function repeatabilityOf(id: string): string {
  const hex = createHash('sha256').update(`rtvoice/operation\0${id}`).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
