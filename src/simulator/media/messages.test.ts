import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { audioData, parseMediaInput } from './messages.js';

describe('media messages', () => {
  it('are JSON that says what was given', () => {
    fc.assert(
      fc.property(fc.option(fc.string()), fc.uint8Array(), fc.boolean(), (who, bytes, silent) => {
        const data = Buffer.from(bytes).toString('base64');
        const timestamp = '2026-01-01T00:00:00.000Z';
        expect(JSON.parse(audioData(timestamp, who ?? undefined, data, silent))).toEqual({
          kind: 'AudioData',
          audioData: { timestamp, ...(who === null ? {} : { participantRawID: who }), data, silent },
        });
      }),
    );
  });

  it.each([
    '{"kind":"audioData","audioData":{"data":"AQACAA==","isSilent":false},"stopAudio":{}}',
    '{"Kind":"AudioData","AudioData":{"Data":"AQACAA=="},"StopAudio":null}',
    '{"KIND":"AUDIODATA","AUDIODATA":{"DATA":"AQACAA=="}}',
  ])('are read in any case: %s', (text) => {
    expect(parseMediaInput(text)).toEqual({ kind: 'audio', pcm: Buffer.from([1, 0, 2, 0]), silent: false });
  });

  it('tell stopAudio and silence', () => {
    expect(parseMediaInput('{"kind":"stopAudio","stopAudio":{}}')).toEqual({ kind: 'stop' });
    expect(parseMediaInput('{"Kind":"StopAudio","AudioData":null,"StopAudio":{}}')).toEqual({ kind: 'stop' });
    expect(parseMediaInput('{"kind":"audioData","audioData":{"data":"AAA=","isSilent":true}}')).toMatchObject(
      {
        silent: true,
      },
    );
  });

  it('never throw, and keep samples whole', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
        const input = parseMediaInput(text);
        if (input.kind === 'audio') expect(input.pcm.length % 2).toBe(0);
      }),
    );
    expect(parseMediaInput('{"kind":"audioData","audioData":{"data":"AQAC"}}')).toMatchObject({
      pcm: Buffer.from([1, 0]),
    });
  });
});
