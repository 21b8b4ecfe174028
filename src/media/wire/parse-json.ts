import type {
  AudioDataFrame,
  AudioMetadataFrame,
  Frame,
  MalformedReason,
  TranscribedWord,
  TranscriptionDataFrame,
  TranscriptionMetadataFrame,
} from './frame.js';
import { decodePayload, viewFrame } from './payload.js';

/** The members of a JSON object under their names in lower case. */
type Fields = Map<string, unknown>;

const MAX_NAME = 64;

/** The thorough reader: any kind, through JSON.parse. Never throws. */
export function readAnyFrame(data: Buffer, scratch: Buffer): Frame {
  let json: unknown;
  try {
    json = JSON.parse(data.toString('utf8'));
  } catch {
    return malformed('not-json');
  }
  const message = fieldsOf(json);
  const kind = text(message?.get('kind'));
  if (!message || !kind) return malformed('no-kind');
  const read = READERS.get(kind.toLowerCase());
  if (!read) return { kind: 'Unknown', name: kind.slice(0, MAX_NAME) };
  const payload = fieldsOf(message.get(kind.toLowerCase()));
  return payload ? read(payload, scratch) : malformed('no-payload');
}

const READERS = new Map<string, (payload: Fields, scratch: Buffer) => Frame>([
  ['audiodata', readAudioData],
  ['audiometadata', readAudioMetadata],
  ['dtmfdata', readDtmf],
  ['transcriptionmetadata', readTranscriptionMetadata],
  ['transcriptiondata', readTranscription],
]);

function readAudioData(payload: Fields, scratch: Buffer): Frame {
  const base64 = payload.get('data');
  if (typeof base64 !== 'string') return malformed('no-payload');
  const decoded = decodePayload(base64, scratch);
  if (typeof decoded === 'string') return malformed(decoded);
  const silent = payload.get('silent') ?? payload.get('issilent');
  const frame: AudioDataFrame = {
    kind: 'AudioData',
    pcm: viewFrame(scratch, decoded),
    silent: silent === true,
  };
  const participant = payload.get('participantrawid');
  if (typeof participant === 'string') frame.participantRawID = participant;
  const timestampMs = Date.parse(text(payload.get('timestamp')) ?? '');
  if (!Number.isNaN(timestampMs)) frame.timestampMs = timestampMs;
  return frame;
}

function readAudioMetadata(payload: Fields): Frame {
  const sampleRate = number(payload.get('samplerate'));
  if (sampleRate === undefined || sampleRate <= 0) return malformed('bad-payload');
  const frame: AudioMetadataFrame = {
    kind: 'AudioMetadata',
    encoding: text(payload.get('encoding')) ?? 'PCM',
    sampleRate,
    channels: number(payload.get('channels')) ?? 1,
  };
  const subscriptionId = text(payload.get('subscriptionid') ?? payload.get('mediasubscriptionid'));
  if (subscriptionId) frame.subscriptionId = subscriptionId;
  const length = number(payload.get('length'));
  if (length !== undefined) frame.length = length;
  return frame;
}

/** The call events spell some tones; the media socket sends the key itself. */
const SPELT_TONES = new Map(
  ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']
    .map((name, digit): [string, string] => [name, String(digit)])
    .concat([
      ['asterisk', '*'],
      ['pound', '#'],
    ]),
);

function readDtmf(payload: Fields): Frame {
  const data = payload.get('data');
  if (typeof data !== 'string') return malformed('no-payload');
  const tone = SPELT_TONES.get(data.toLowerCase()) ?? data.toUpperCase();
  if (!/^[0-9A-D*#]$/.test(tone)) return malformed('bad-payload');
  const participant = text(payload.get('participantrawid'));
  return participant ? { kind: 'DtmfData', tone, participantRawID: participant } : { kind: 'DtmfData', tone };
}

function readTranscriptionMetadata(payload: Fields): Frame {
  const frame: TranscriptionMetadataFrame = { kind: 'TranscriptionMetadata' };
  const subscriptionId = text(payload.get('subscriptionid'));
  const locale = text(payload.get('locale'));
  const callConnectionId = text(payload.get('callconnectionid'));
  const correlationId = text(payload.get('correlationid'));
  if (subscriptionId) frame.subscriptionId = subscriptionId;
  if (locale) frame.locale = locale;
  if (callConnectionId) frame.callConnectionId = callConnectionId;
  if (correlationId) frame.correlationId = correlationId;
  return frame;
}

function readTranscription(payload: Fields): Frame {
  const spoken = payload.get('text');
  if (typeof spoken !== 'string') return malformed('no-payload');
  const frame: TranscriptionDataFrame = {
    kind: 'TranscriptionData',
    text: spoken,
    // Documents and services differ in the case of this value.
    final: text(payload.get('resultstatus'))?.toLowerCase() === 'final',
    confidence: number(payload.get('confidence')) ?? 0,
    offsetTicks: number(payload.get('offset')) ?? 0,
    durationTicks: number(payload.get('duration')) ?? 0,
  };
  const words = payload.get('words');
  if (Array.isArray(words)) frame.words = words.flatMap(readWord);
  const participant = text(payload.get('participantrawid'));
  if (participant) frame.participantRawID = participant;
  return frame;
}

function readWord(word: unknown): TranscribedWord[] {
  const fields = fieldsOf(word);
  const spoken = text(fields?.get('text'));
  if (!fields || spoken === undefined) return [];
  return [
    {
      text: spoken,
      offsetTicks: number(fields.get('offset')) ?? 0,
      durationTicks: number(fields.get('duration')) ?? 0,
    },
  ];
}

function fieldsOf(value: unknown): Fields | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return new Map(Object.entries(value).map(([name, field]) => [name.toLowerCase(), field]));
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function malformed(reason: MalformedReason): Frame {
  return { kind: 'Malformed', reason };
}
