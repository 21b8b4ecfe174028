/** What a caller's side says on the wire, and what it reads there. */
import { fadeOut } from '../../../src/media/fade.js';
import { textMessage } from './wire.js';

/** Of 20 ms PCM16 mono at 16 kHz. */
export const FRAME_BYTES = 640;
export const FRAME_MS = 20;

const TIMESTAMP = '2026-11-28T12:00:00.000Z';
const TICKS_PER_MS = 10_000;

export const metadataMessage = (sampleRate: 16_000 | 24_000 = 16_000): Buffer =>
  textMessage(
    JSON.stringify({
      kind: 'AudioMetadata',
      audioMetadata: {
        subscriptionId: 'bench',
        encoding: 'PCM',
        sampleRate,
        channels: 1,
        length: sampleRate / 25,
      },
    }),
  );

/** A frame of the caller's audio, ready for the wire. */
export const frameMessage = (pcm: Buffer): Buffer =>
  textMessage(
    `{"kind":"AudioData","audioData":{"timestamp":"${TIMESTAMP}","data":"${pcm.toString('base64')}","silent":false}}`,
  );

export const wordsMessage = (text: string, final: boolean, durationMs = 1_000): Buffer =>
  textMessage(
    JSON.stringify({
      kind: 'TranscriptionData',
      transcriptionData: {
        text,
        format: 'display',
        confidence: 0.9,
        offset: 0,
        duration: Math.round(durationMs * TICKS_PER_MS),
        words: [],
        participantRawID: '4:+15550100',
        resultStatus: final ? 'Final' : 'Intermediate',
      },
    }),
  );

/** Base64 of the frames of a clip as playout makes them: the last one falls to silence. */
export function framesOf(pcm: Buffer): string[] {
  const frames: string[] = [];
  for (let at = 0; at < pcm.length; at += FRAME_BYTES) {
    const piece = pcm.subarray(at, at + FRAME_BYTES);
    const whole = at + FRAME_BYTES < pcm.length ? piece : fadeOut(piece, 16_000);
    frames.push(Buffer.concat([whole], FRAME_BYTES).toString('base64'));
  }
  return frames;
}

export type FromWorker = 'audio' | 'stop' | 'other';

/** What kind of message the worker sent: cheap, for there are thousands a second. */
export function kindOf(payload: Buffer): FromWorker {
  // {"kind":"audioData" or {"kind":"stopAudio": the first letter tells, whatever its case.
  const letter = (payload[KIND_AT] ?? 0) | 0x20;
  if (letter === A) return 'audio';
  return letter === S ? 'stop' : 'other';
}

const KIND_AT = '{"kind":"'.length;
const A = 0x61;
const S = 0x73;
const DATA = '"data":"';

/** The base64 text of an audio message. */
export function audioOf(payload: Buffer): string {
  const start = payload.indexOf(DATA) + DATA.length;
  return payload.toString('latin1', start, payload.indexOf('"', start));
}
