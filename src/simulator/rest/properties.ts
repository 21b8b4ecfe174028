import type { Call } from '../core/call.js';

/** The properties of a call connection, as answerCall, createCall and GET answer them. */
export function propertiesOf(call: Call): Record<string, unknown> {
  const incoming = call.direction === 'incoming';
  return {
    callConnectionId: call.id,
    serverCallId: call.serverCallId,
    correlationId: call.correlationId,
    callConnectionState: call.state === 'ringing' ? 'unknown' : call.state,
    callbackUri: call.callbackUri,
    source: incoming ? call.caller : call.app,
    targets: incoming ? [call.callee] : [call.caller],
    sourceDisplayName: incoming ? call.setup.callerName : undefined,
    sourceCallerIdNumber: incoming ? call.caller.phoneNumber : call.callee.phoneNumber,
    answeredBy: incoming ? call.app.communicationUser : undefined,
    answeredFor: incoming ? call.callee.phoneNumber : undefined,
    mediaStreamingSubscription: call.media && {
      id: call.media.id,
      state: call.media.state === 'inactive' ? 'inactive' : 'active',
      subscribedContentTypes: ['audio'],
    },
    transcriptionSubscription: call.transcription && {
      id: call.transcription.id,
      state: call.transcription.state === 'inactive' ? 'inactive' : 'active',
      locale: call.transcription.locale,
      subscribedResultStates: call.transcription.options.enableIntermediateResults
        ? ['final', 'intermediate']
        : ['final'],
    },
  };
}
