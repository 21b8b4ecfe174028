import type {
  AnswerCallOptions,
  CallInvite,
  CallMediaRecognizeDtmfOptions,
  FileSource,
  DtmfTone as SdkDtmfTone,
  SsmlSource,
  TextSource,
} from '@azure/communication-call-automation';
import type {
  AcsCall,
  CallProperties,
  DtmfTone,
  OperationOptions,
  PlaySource,
  RecognizeDtmfRequest,
  StreamingSetup,
} from './client-types.js';
import { asObject, asSafeId, asText, compact } from './fields.js';
import { toSdkIdentifier } from './identifiers.js';

/** Media streaming and transcription as answer and createCall take them. */
export function streamingOptions(setup: StreamingSetup & OperationOptions): AnswerCallOptions {
  return compact({
    operationContext: setup.operationContext,
    callIntelligenceOptions: setup.cognitiveServicesEndpoint
      ? { cognitiveServicesEndpoint: setup.cognitiveServicesEndpoint }
      : undefined,
    mediaStreamingOptions: setup.mediaUrl
      ? {
          transportType: 'websocket' as const,
          transportUrl: setup.mediaUrl,
          contentType: 'audio' as const,
          audioChannelType: setup.channels ?? 'mixed',
          audioFormat: setup.sampleRate === 24_000 ? 'Pcm24KMono' : 'Pcm16KMono',
          startMediaStreaming: true,
          enableBidirectional: true,
          enableDtmfTones: true,
        }
      : undefined,
    transcriptionOptions: setup.transcriptionUrl
      ? {
          transportType: 'websocket' as const,
          transportUrl: setup.transcriptionUrl,
          locale: setup.locale,
          startTranscription: true,
          enableIntermediateResults: true,
        }
      : undefined,
  });
}

export function invite(target: string, number?: string, displayName?: string): CallInvite {
  return compact({
    targetParticipant: toSdkIdentifier(target),
    sourceCallIdNumber: number ? { phoneNumber: number } : undefined,
    sourceDisplayName: displayName,
  }) as CallInvite;
}

export function playSource(source: PlaySource): FileSource | TextSource | SsmlSource {
  switch (source.kind) {
    case 'file':
      return { kind: 'fileSource', url: source.url };
    case 'ssml':
      return { kind: 'ssmlSource', ssmlText: source.ssml };
    default:
      return compact({
        kind: 'textSource' as const,
        text: source.text,
        sourceLocale: source.locale,
        voiceName: source.voice,
      });
  }
}

/** The SDK's enum has the same strings. */
export function sdkTones(tones: readonly DtmfTone[]): SdkDtmfTone[] {
  return tones.map((tone) => tone as SdkDtmfTone);
}

export function recognizeOptions(request: RecognizeDtmfRequest): CallMediaRecognizeDtmfOptions {
  return compact({
    kind: 'callMediaRecognizeDtmfOptions' as const,
    maxTonesToCollect: request.maxTones,
    stopDtmfTones: request.stopTones ? sdkTones(request.stopTones) : undefined,
    initialSilenceTimeoutInSeconds: request.initialSilenceS,
    interToneTimeoutInSeconds: request.interToneS,
    interruptCallMediaOperation: request.interrupt,
    interruptPrompt: request.interruptPrompt,
    playPrompt: request.prompt ? playSource(request.prompt) : undefined,
    operationContext: request.operationContext,
  });
}

/**
 * Call properties from what the SDK returned.
 * @returns undefined when it names no usable call id.
 */
export function readCall(value: unknown): AcsCall | undefined {
  const properties = asObject(value);
  const callConnectionId = asSafeId(properties?.callConnectionId);
  if (!properties || !callConnectionId) return undefined;
  return compact({
    callConnectionId,
    serverCallId: asText(properties.serverCallId, 2048),
    correlationId: asText(properties.correlationId, 256),
    state: asText(properties.callConnectionState, 64) ?? 'unknown',
  });
}

export function readProperties(value: unknown): CallProperties | undefined {
  const call = readCall(value);
  const properties = asObject(value);
  return (
    call &&
    compact({
      ...call,
      mediaStreaming: asText(asObject(properties?.mediaStreamingSubscription)?.state, 64),
      transcription: asText(asObject(properties?.transcriptionSubscription)?.state, 64),
    })
  );
}
