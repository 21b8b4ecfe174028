import { AudioError } from './errors.js';

/** PCM16 audio with its format. `channels` > 1 means interleaved samples. */
export interface WavAudio {
  pcm: Buffer;
  sampleRate: number;
  channels: number;
}

const HEADER_BYTES = 44;
const FORMAT_PCM = 1;
const FORMAT_EXTENSIBLE = 0xfffe;

/** A WAV file (RIFF, PCM16 little-endian) of the given interleaved samples. */
export function encodeWav(pcm: Buffer, rate: number, channels = 1): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(HEADER_BYTES - 8 + pcm.length + (pcm.length & 1), 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(FORMAT_PCM, 20);
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(rate, 24);
  header.writeUInt32LE(rate * channels * 2, 28);
  header.writeUInt16LE(channels * 2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(pcm.length, 40);
  return Buffer.concat(pcm.length & 1 ? [header, pcm, Buffer.alloc(1)] : [header, pcm]);
}

/**
 * Reads a PCM16 WAV file. Unknown chunks are skipped, a length beyond the end (an interrupted recording, or
 * a streamed header) is cut to what is there.
 * @throws AudioError RTV_AUDIO_FORMAT when it is no WAV, or not PCM16
 */
export function decodeWav(buf: Buffer): WavAudio {
  if (
    buf.length < 12 ||
    buf.toString('latin1', 0, 4) !== 'RIFF' ||
    buf.toString('latin1', 8, 12) !== 'WAVE'
  ) {
    throw new AudioError('RTV_AUDIO_FORMAT', 'not a RIFF/WAVE file');
  }
  let format: { sampleRate: number; channels: number } | undefined;
  let at = 12;
  while (at + 8 <= buf.length) {
    const id = buf.toString('latin1', at, at + 4);
    const size = buf.readUInt32LE(at + 4);
    const start = at + 8;
    const end = Math.min(start + size, buf.length);
    if (id === 'fmt ') format = readFormat(buf.subarray(start, end));
    if (id === 'data') {
      if (!format) throw new AudioError('RTV_AUDIO_FORMAT', 'WAV data comes before its format');
      const block = format.channels * 2;
      return { pcm: buf.subarray(start, end - ((end - start) % block)), ...format };
    }
    at = start + size + (size & 1);
  }
  throw new AudioError('RTV_AUDIO_FORMAT', 'WAV file without data');
}

function readFormat(chunk: Buffer): { sampleRate: number; channels: number } {
  if (chunk.length < 16) throw new AudioError('RTV_AUDIO_FORMAT', 'WAV format chunk is too short');
  const tag = chunk.readUInt16LE(0);
  const bits = chunk.readUInt16LE(14);
  const channels = chunk.readUInt16LE(2);
  const sampleRate = chunk.readUInt32LE(4);
  // An extensible header names the true format in the first bytes of its sub-format.
  const codec = tag === FORMAT_EXTENSIBLE && chunk.length >= 26 ? chunk.readUInt16LE(24) : tag;
  if (codec !== FORMAT_PCM || bits !== 16 || channels < 1 || sampleRate < 1) {
    throw new AudioError('RTV_AUDIO_FORMAT', `WAV format ${codec} with ${bits} bits is not PCM16`);
  }
  return { sampleRate, channels };
}
