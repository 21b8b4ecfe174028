/** A message of the media or transcription socket, as read by parseFrame. */
export type Frame =
  | AudioMetadataFrame
  | AudioDataFrame
  | DtmfDataFrame
  | TranscriptionMetadataFrame
  | TranscriptionDataFrame
  | { kind: 'Unknown'; name: string }
  | { kind: 'Malformed'; reason: MalformedReason };

export type MalformedReason = 'too-large' | 'not-json' | 'no-kind' | 'no-payload' | 'bad-payload';

/** First frame of an audio stream. */
export interface AudioMetadataFrame {
  kind: 'AudioMetadata';
  subscriptionId?: string;
  encoding: string;
  /** Hz */
  sampleRate: number;
  channels: number;
  /** Bytes of PCM in a frame, as announced. */
  length?: number;
}

/** 20 ms of audio. `pcm` is a view of the scratch buffer: valid until the next parseFrame with it. */
export interface AudioDataFrame {
  kind: 'AudioData';
  pcm: Buffer;
  silent: boolean;
  /** Personal data: an identity of the person who speaks. */
  participantRawID?: string;
  /** Milliseconds since 1970. */
  timestampMs?: number;
}

export interface DtmfDataFrame {
  kind: 'DtmfData';
  /** 0-9, *, #, A-D */
  tone: string;
  participantRawID?: string;
}

/** First frame of a transcription stream. */
export interface TranscriptionMetadataFrame {
  kind: 'TranscriptionMetadata';
  subscriptionId?: string;
  locale?: string;
  callConnectionId?: string;
  correlationId?: string;
}

export interface TranscribedWord {
  text: string;
  /** From the start of the stream, in ticks of 100 ns. */
  offsetTicks: number;
  durationTicks: number;
}

export interface TranscriptionDataFrame {
  kind: 'TranscriptionData';
  text: string;
  /** False for an intermediate result. */
  final: boolean;
  /** 0 to 1; 0 when it was not given. */
  confidence: number;
  /** From the start of the stream, in ticks of 100 ns. */
  offsetTicks: number;
  durationTicks: number;
  words?: TranscribedWord[];
  participantRawID?: string;
}
