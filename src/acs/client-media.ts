import type { CallMedia } from '@azure/communication-call-automation';
import { nothing, usable } from './client-calls.js';
import { playSource, recognizeOptions, sdkTones } from './client-requests.js';
import type { Wire } from './client-run.js';
import type { AcsClient, OperationOptions, Recording } from './client-types.js';
import { asText, compact } from './fields.js';
import { toSdkIdentifier } from './identifiers.js';

type MediaMethods = Omit<
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
  | 'close'
>;

/** What is played, recognised, streamed and recorded in a call. */
export function mediaMethods(wire: Wire): MediaMethods {
  const media = (callId: string): CallMedia => wire.sdk.getCallConnection(callId).getCallMedia();
  const once = (options: OperationOptions | undefined, send: () => Promise<unknown>) =>
    nothing(wire.run('once', options, send));
  return {
    play: (callId, request) =>
      once(request, () => {
        const sources = request.sources.map(playSource);
        const options = compact({ operationContext: request.operationContext, loop: request.loop });
        return request.to
          ? media(callId).play(sources, request.to.map(toSdkIdentifier), options)
          : media(callId).playToAll(
              sources,
              compact({ ...options, interruptCallMediaOperation: request.interrupt }),
            );
      }),
    cancelAllMedia: (callId, options) =>
      nothing(wire.run('idempotent', options, () => media(callId).cancelAllOperations())),
    recognizeDtmf: (callId, request) =>
      once(request, () =>
        media(callId).startRecognizing(toSdkIdentifier(request.from), recognizeOptions(request)),
      ),
    startContinuousDtmf: (callId, from, options) =>
      once(options, () =>
        media(callId).startContinuousDtmfRecognition(toSdkIdentifier(from), context(options)),
      ),
    stopContinuousDtmf: (callId, from, options) =>
      once(options, () =>
        media(callId).stopContinuousDtmfRecognition(toSdkIdentifier(from), context(options)),
      ),
    sendDtmf: (callId, tones, to, options) =>
      nothing(
        wire.run('repeatable', options, () =>
          media(callId).sendDtmfTones(sdkTones(tones), toSdkIdentifier(to), context(options)),
        ),
      ),
    hold: (callId, participant, options) =>
      once(options, () =>
        media(callId).hold(
          toSdkIdentifier(participant),
          compact({
            ...context(options),
            playSource: options?.music ? playSource(options.music) : undefined,
          }),
        ),
      ),
    unhold: (callId, participant, options) =>
      once(options, () => media(callId).unhold(toSdkIdentifier(participant), context(options))),
    startMediaStreaming: (callId, options) =>
      once(options, () => media(callId).startMediaStreaming(context(options))),
    stopMediaStreaming: (callId, options) =>
      once(options, () => media(callId).stopMediaStreaming(context(options))),
    startTranscription: (callId, options) =>
      once(options, () =>
        media(callId).startTranscription(compact({ ...context(options), locale: options?.locale })),
      ),
    stopTranscription: (callId, options) =>
      once(options, () => media(callId).stopTranscription(context(options))),
    updateTranscription: (callId, locale, options) =>
      once(options, () => media(callId).updateTranscription(locale, context(options))),
    ...recordingMethods(wire),
  };
}

type RecordingMethods = Pick<
  AcsClient,
  'startRecording' | 'recordingState' | 'pauseRecording' | 'resumeRecording' | 'stopRecording'
>;

function recordingMethods(wire: Wire): RecordingMethods {
  return {
    startRecording: async (request) => {
      const result = await wire.run('repeatable', request, () =>
        wire.sdk.getCallRecording().start(
          compact({
            callConnectionId: request.callConnectionId,
            recordingStateCallbackEndpointUrl: request.stateCallbackUri,
            recordingContent: request.content,
            recordingChannel: request.channel,
            recordingFormat: request.format,
            pauseOnStart: request.pauseOnStart,
          }),
        ),
      );
      return usable(result, readRecording);
    },
    recordingState: async (recordingId, options) => {
      const result = await wire.run('idempotent', options, () =>
        wire.sdk.getCallRecording().getState(recordingId),
      );
      return usable(result, readRecording);
    },
    pauseRecording: (recordingId, options) =>
      nothing(wire.run('idempotent', options, () => wire.sdk.getCallRecording().pause(recordingId))),
    resumeRecording: (recordingId, options) =>
      nothing(wire.run('idempotent', options, () => wire.sdk.getCallRecording().resume(recordingId))),
    stopRecording: (recordingId, options) =>
      nothing(wire.run('idempotent', options, () => wire.sdk.getCallRecording().stop(recordingId))),
  };
}

function readRecording(value: { recordingId?: string; recordingState?: string }): Recording | undefined {
  const recordingId = asText(value.recordingId, 2048);
  if (!recordingId) return undefined;
  return { recordingId, state: asText(value.recordingState, 64) ?? 'unknown' };
}

function context(options: OperationOptions | undefined): { operationContext?: string } {
  return compact({ operationContext: options?.operationContext });
}
