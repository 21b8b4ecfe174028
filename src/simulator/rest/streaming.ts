import { z } from 'zod';
import type { Call } from '../core/call.js';
import type { MediaStream } from '../media/stream.js';
import type { TranscriptionStream } from '../media/transcription-stream.js';
import { badRequest, incompatible } from './acs-error.js';
import { callOperation, eventFields, type RestOperation, targetOf } from './operation.js';

function path(action: string): RegExp {
  return new RegExp(`^/callConnections/(?<id>[^/:]+):${action}$`);
}

function mediaOf(call: Call): MediaStream {
  if (!call.media) throw badRequest('The call was answered without mediaStreamingOptions.');
  return call.media;
}

function transcriptionOf(call: Call): TranscriptionStream {
  if (!call.transcription) throw badRequest('The call was answered without transcriptionOptions.');
  return call.transcription;
}

function mustBe(stream: { state: string }, wanted: 'active' | 'inactive', what: string): void {
  const active = stream.state !== 'inactive';
  if (active === (wanted === 'active')) return;
  throw incompatible(`${what} is ${active ? 'active already' : 'not active'}.`);
}

const plain = z.looseObject(eventFields);
const withLocale = plain.extend({ locale: z.string().min(1).optional() });

/** Start and stop of media streaming and transcription; their outcome is an event. */
export const streamingOperations: readonly RestOperation[] = [
  callOperation({
    name: 'startMediaStreaming',
    method: 'POST',
    path: path('startMediaStreaming'),
    schema: plain,
    established: true,
    run: ({ call, body }) => {
      const media = mediaOf(call);
      mustBe(media, 'inactive', 'Media streaming');
      media.start(targetOf(body));
      return { status: 202 };
    },
  }),
  callOperation({
    name: 'stopMediaStreaming',
    method: 'POST',
    path: path('stopMediaStreaming'),
    schema: plain,
    established: true,
    run: ({ call, body }) => {
      const media = mediaOf(call);
      mustBe(media, 'active', 'Media streaming');
      media.stop(targetOf(body));
      return { status: 202 };
    },
  }),
  callOperation({
    name: 'startTranscription',
    method: 'POST',
    path: path('startTranscription'),
    schema: withLocale,
    established: true,
    run: ({ call, body }) => {
      const transcription = transcriptionOf(call);
      mustBe(transcription, 'inactive', 'Transcription');
      transcription.start(targetOf(body), body.locale);
      return { status: 202 };
    },
  }),
  callOperation({
    name: 'stopTranscription',
    method: 'POST',
    path: path('stopTranscription'),
    schema: plain,
    established: true,
    run: ({ call, body }) => {
      const transcription = transcriptionOf(call);
      mustBe(transcription, 'active', 'Transcription');
      transcription.stop(targetOf(body));
      return { status: 202 };
    },
  }),
  callOperation({
    name: 'updateTranscription',
    method: 'POST',
    path: path('updateTranscription'),
    schema: withLocale,
    established: true,
    run: ({ call, body }) => {
      const transcription = transcriptionOf(call);
      mustBe(transcription, 'active', 'Transcription');
      transcription.update(targetOf(body), body.locale);
      return { status: 202 };
    },
  }),
];
