import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeWav, encodeWav } from './wav.js';

const samples = fc
  .uint8Array({ maxLength: 2000 })
  .map((bytes) => Buffer.from(bytes.subarray(0, bytes.length - (bytes.length % 4))));

describe('WAV', () => {
  it('reads what it wrote', () => {
    fc.assert(
      fc.property(
        samples,
        fc.constantFrom(8000, 16000, 24000),
        fc.constantFrom(1, 2),
        (pcm, rate, channels) => {
          const audio = decodeWav(encodeWav(pcm, rate, channels));
          expect(audio).toEqual({ pcm, sampleRate: rate, channels });
        },
      ),
    );
  });

  it('skips chunks it does not know and cuts a length beyond the end', () => {
    const plain = encodeWav(Buffer.from([1, 0, 2, 0]), 16000);
    const extra = Buffer.from('LIST\x03\x00\x00\x00abc\x00', 'latin1');
    const file = Buffer.concat([plain.subarray(0, 12), extra, plain.subarray(12)]);
    file.writeUInt32LE(0xffffffff, file.length - 8);
    expect([...decodeWav(file).pcm]).toEqual([1, 0, 2, 0]);
  });

  it('fails with a code, never otherwise, on other bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), (bytes, at) => {
        const file = encodeWav(Buffer.alloc(16), 16000);
        file.set(bytes.subarray(0, file.length - (at % file.length)), at % file.length);
        try {
          decodeWav(file);
        } catch (error) {
          expect(error).toMatchObject({ code: 'RTV_AUDIO_FORMAT' });
        }
      }),
    );
    expect(() => decodeWav(Buffer.from('RIFF'))).toThrow(/not a RIFF/);
    const eightBit = encodeWav(Buffer.alloc(4), 16000);
    eightBit.writeUInt16LE(8, 34);
    expect(() => decodeWav(eightBit)).toThrow(/not PCM16/);
  });
});
