import type { AudioDataFrame, Frame } from './frame.js';
import { readAnyFrame } from './parse-json.js';
import { decodePayload, viewFrame } from './payload.js';
import { Cursor } from './scan.js';
import { parseTimestamp } from './timestamp.js';

/** Largest message looked at; a 20 ms frame at 24 kHz has about 1.5 KB, a transcription some KB. */
const MAX_FRAME_BYTES = 256 * 1024;

/** Scratch space for the audio of one frame. The default holds half a second at 16 kHz. */
export function createScratch(bytes = 16 * 1024): Buffer {
  return Buffer.allocUnsafeSlow(bytes);
}

/**
 * Reads one message of the media or transcription socket. Names are matched in any letter case and order.
 * Audio is found and decoded without parsing the JSON; other kinds, and audio whose strings hold escapes, go
 * through JSON.parse. Never throws.
 * @param data UTF-8 text of one WebSocket message
 * @param scratch takes the decoded audio: a frame's `pcm` is a view of it, valid until the next call with
 *   the same scratch. Audio that does not fit is malformed (`too-large`).
 */
export function parseFrame(data: Buffer, scratch: Buffer): Frame {
  if (data.length > MAX_FRAME_BYTES) return { kind: 'Malformed', reason: 'too-large' };
  return readAudio(data, scratch) ?? readAnyFrame(data, scratch);
}

const NAME_KIND = Buffer.from('kind');
const NAME_AUDIO = Buffer.from('audiodata');
const NAME_DATA = Buffer.from('data');
const NAME_SILENT = Buffer.from('silent');
const NAME_IS_SILENT = Buffer.from('issilent');
const NAME_TIMESTAMP = Buffer.from('timestamp');
const NAME_PARTICIPANT = Buffer.from('participantrawid');

// Parsing is synchronous, so that one cursor and one set of spans serve every call.
const cursor = new Cursor();
const spans = {
  payloadStart: -1,
  payloadEnd: -1,
  timestampStart: -1,
  timestampEnd: -1,
  participantStart: -1,
  participantEnd: -1,
  silent: false,
};

/** An audio frame, or undefined when it is of another kind, or needs the thorough reader. */
function readAudio(data: Buffer, scratch: Buffer): Frame | undefined {
  let isAudio = false;
  spans.payloadStart = -1;
  cursor.reset(data);
  if (!cursor.open()) return undefined;
  while (cursor.nextName()) {
    if (cursor.is(NAME_KIND)) {
      isAudio = cursor.readString() && cursor.is(NAME_AUDIO);
      if (!isAudio) return undefined;
    } else if (cursor.is(NAME_AUDIO)) {
      if (!readAudioObject()) return undefined;
    } else if (!cursor.skipValue()) {
      return undefined;
    }
  }
  const whole = cursor.closed && cursor.ended;
  return whole && isAudio && spans.payloadStart >= 0 ? audioFrame(data, scratch) : undefined;
}

function readAudioObject(): boolean {
  spans.payloadStart = -1;
  spans.timestampStart = -1;
  spans.participantStart = -1;
  spans.silent = false;
  if (!cursor.open()) return false;
  while (cursor.nextName()) {
    if (cursor.is(NAME_DATA)) {
      if (!cursor.readString()) return false;
      spans.payloadStart = cursor.start;
      spans.payloadEnd = cursor.end;
    } else if (cursor.is(NAME_SILENT) || cursor.is(NAME_IS_SILENT)) {
      const silent = cursor.readBoolean();
      if (silent === undefined) return false;
      spans.silent = silent;
    } else if (cursor.is(NAME_TIMESTAMP) && cursor.readString()) {
      spans.timestampStart = cursor.start;
      spans.timestampEnd = cursor.end;
    } else if (cursor.is(NAME_PARTICIPANT) && cursor.readString()) {
      spans.participantStart = cursor.start;
      spans.participantEnd = cursor.end;
    } else if (cursor.escaped || !cursor.skipValue()) {
      return false;
    }
  }
  return cursor.closed;
}

function audioFrame(data: Buffer, scratch: Buffer): Frame {
  const decoded = decodePayload(data.toString('latin1', spans.payloadStart, spans.payloadEnd), scratch);
  if (typeof decoded === 'string') return { kind: 'Malformed', reason: decoded };
  const frame: AudioDataFrame = {
    kind: 'AudioData',
    pcm: viewFrame(scratch, decoded),
    silent: spans.silent,
  };
  if (spans.participantStart >= 0) {
    frame.participantRawID = data.toString('utf8', spans.participantStart, spans.participantEnd);
  }
  if (spans.timestampStart >= 0) {
    const timestampMs = parseTimestamp(data, spans.timestampStart, spans.timestampEnd);
    if (!Number.isNaN(timestampMs)) frame.timestampMs = timestampMs;
  }
  return frame;
}
