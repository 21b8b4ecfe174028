import { z } from 'zod';
import type { MediaRate } from './messages.js';

/** A value out of a list, in any case: SDKs of different languages write them differently. */
function anyCase<T extends string>(...values: readonly [T, ...T[]]) {
  return z.string().transform((given, context): T => {
    const found = values.find((value) => value.toLowerCase() === given.toLowerCase());
    if (found !== undefined) return found;
    context.addIssue({ code: 'custom', message: `is not one of ${values.join(', ')}` });
    return z.NEVER;
  });
}

const socketUrl = z.url({ protocol: /^wss?$/ });

/** mediaStreamingOptions of answerCall and createCall. */
export const mediaStreamingOptionsSchema = z.looseObject({
  transportType: anyCase('websocket'),
  transportUrl: socketUrl,
  contentType: anyCase('audio').optional(),
  audioChannelType: anyCase('mixed', 'unmixed'),
  startMediaStreaming: z.boolean().optional(),
  enableBidirectional: z.boolean().optional(),
  enableDtmfTones: z.boolean().optional(),
  audioFormat: anyCase('pcm16KMono', 'pcm24KMono').optional(),
});

export type MediaStreamingOptions = z.infer<typeof mediaStreamingOptionsSchema>;

/** transcriptionOptions of answerCall and createCall. */
export const transcriptionOptionsSchema = z.looseObject({
  transportType: anyCase('websocket'),
  transportUrl: socketUrl,
  locale: z.string().min(1),
  startTranscription: z.boolean().optional(),
  enableIntermediateResults: z.boolean().optional(),
  speechModelEndpointId: z.string().optional(),
});

export type TranscriptionOptions = z.infer<typeof transcriptionOptionsSchema>;

/** Sample rate of a media format, Hz. */
export function rateOf(options: Pick<MediaStreamingOptions, 'audioFormat'>): MediaRate {
  return options.audioFormat === 'pcm24KMono' ? 24000 : 16000;
}
