/** Sample rates of the two audio formats, Hz. */
export type MediaRate = 16000 | 24000;

/** Ticks of 100 ns, the unit of offsets in transcripts. */
export const TICKS_PER_MS = 10_000;

/** Base64 of one frame of silence. */
export const SILENCE: Readonly<Record<MediaRate, string>> = {
  16000: Buffer.alloc(640).toString('base64'),
  24000: Buffer.alloc(960).toString('base64'),
};

/** The first message of a media socket. `length` is in bytes. */
export function audioMetadata(subscriptionId: string, rate: MediaRate): string {
  return JSON.stringify({
    kind: 'AudioMetadata',
    audioMetadata: {
      subscriptionId,
      encoding: 'PCM',
      sampleRate: rate,
      channels: 1,
      length: (rate / 50) * 2,
    },
  });
}

/** One frame of 20 ms. Built by hand: 50 of them a second and call. Mixed audio names no participant. */
export function audioData(
  timestamp: string,
  participantRawId: string | undefined,
  base64: string,
  silent: boolean,
): string {
  const who = participantRawId === undefined ? '' : `"participantRawID":${JSON.stringify(participantRawId)},`;
  return `{"kind":"AudioData","audioData":{"timestamp":"${timestamp}",${who}"data":"${base64}","silent":${silent}}}`;
}

/** One pressed key. */
export function dtmfData(tone: string): string {
  return JSON.stringify({ kind: 'DtmfData', dtmfData: { data: tone } });
}

/** The first message of a transcription socket. */
export function transcriptionMetadata(fields: {
  subscriptionId: string;
  locale: string;
  callConnectionId: string;
  correlationId: string;
}): string {
  return JSON.stringify({ kind: 'TranscriptionMetadata', transcriptionMetadata: fields });
}

/** One word of a transcript; offset and duration in ticks of 100 ns. */
export interface TranscribedWord {
  readonly text: string;
  readonly offset: number;
  readonly duration: number;
}

/** An interim or final transcript. */
export function transcriptionData(fields: {
  text: string;
  confidence: number;
  offset: number;
  duration: number;
  words: readonly TranscribedWord[];
  participantRawID: string;
  resultStatus: 'Intermediate' | 'Final';
}): string {
  return JSON.stringify({ kind: 'TranscriptionData', transcriptionData: { format: 'display', ...fields } });
}

/** What an application sent over the media socket. */
export type MediaInput =
  | { readonly kind: 'audio'; readonly pcm: Buffer; readonly silent: boolean }
  | { readonly kind: 'stop' }
  | { readonly kind: 'unknown' };

const MAX_AUDIO_CHARS = 4_000_000;

/** Reads one message; names match in any case, as the SDKs of different languages write them. Never throws. */
export function parseMediaInput(text: string): MediaInput {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return { kind: 'unknown' };
  }
  const kind = field(message, 'kind');
  if (typeof kind !== 'string') return { kind: 'unknown' };
  const lower = kind.toLowerCase();
  if (lower === 'stopaudio') return { kind: 'stop' };
  if (lower !== 'audiodata') return { kind: 'unknown' };
  const audio = field(message, 'audioData');
  const data = field(audio, 'data');
  if (typeof data !== 'string' || data.length > MAX_AUDIO_CHARS) return { kind: 'unknown' };
  const pcm = Buffer.from(data, 'base64');
  const silent = (field(audio, 'isSilent') ?? field(audio, 'silent')) === true;
  return { kind: 'audio', pcm: pcm.length % 2 === 0 ? pcm : pcm.subarray(0, -1), silent };
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  const record = value as Record<string, unknown>;
  if (name in record) return record[name];
  const lower = name.toLowerCase();
  for (const key of Object.keys(record)) if (key.toLowerCase() === lower) return record[key];
  return undefined;
}
