import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatAudio, STOP_AUDIO } from './format.js';
import { createScratch, parseFrame } from './parse.js';
import { readAnyFrame } from './parse-json.js';

const scratch = createScratch();
const parse = (value: unknown) => parseFrame(Buffer.from(JSON.stringify(value)), scratch);

const pcm = fc
  .uint8Array({ maxLength: 1000 })
  .map((bytes) => Buffer.from(bytes.subarray(0, bytes.length & ~1)));

/** The same name with letters of either case. */
const anyCase = (name: string): fc.Arbitrary<string> =>
  fc
    .array(fc.boolean(), { minLength: name.length, maxLength: name.length })
    .map((upper) => [...name].map((c, i) => (upper[i] ? c.toUpperCase() : c.toLowerCase())).join(''));

/** JSON text of an object with its members in any order and white space anywhere between tokens. */
const objectText = (members: [fc.Arbitrary<string>, fc.Arbitrary<string>][]): fc.Arbitrary<string> =>
  fc.tuple(...members.map(([name, value]) => fc.tuple(name, value, space, space, space))).chain((list) =>
    fc.shuffledSubarray(list, { minLength: list.length }).map((shuffled) => {
      const text = shuffled.map(([name, value, a, b, c]) => `${a}"${name}"${b}:${c}${value}`).join(',');
      return `{${text}}`;
    }),
  );
const space = fc.constantFrom('', '', ' ', '\n', '\t\r\n ');
const otherName = fc.string({ maxLength: 8 }).map((name) => `x${name.replace(/[\\"\p{Cc}]/gu, '')}`);
const otherValue = fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value));

const timestampText = fc.oneof(
  fc
    .date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true })
    .map((date) => JSON.stringify(date)),
  fc.constantFrom(
    '"2024-11-15T19:16:12.9251234Z"',
    '"2024-11-15T19:16:12+02:00"',
    '"2024-11-15T19:16:12.92xZ"',
    '"2024-13-15T19:16:12.925Z"',
    '"2024-11-15T25:16:12.925Z"',
    'null',
    '"soon"',
  ),
);

const audioText = pcm.chain((audio) =>
  objectText([
    [anyCase('data'), fc.constant(JSON.stringify(audio.toString('base64')))],
    [fc.oneof(anyCase('silent'), anyCase('isSilent')), fc.constantFrom('true', 'false')],
    [anyCase('timestamp'), timestampText],
    [
      anyCase('participantRawID'),
      fc.oneof(
        fc.string().map((s) => JSON.stringify(s)),
        fc.constant('null'),
      ),
    ],
    [otherName, otherValue],
  ]).chain((inner) =>
    objectText([
      [anyCase('kind'), anyCase('AudioData').map((kind) => JSON.stringify(kind))],
      [anyCase('audioData'), fc.constant(inner)],
      [anyCase('stopAudio'), fc.constantFrom('{}', 'null')],
      [otherName, otherValue],
    ]),
  ),
);

describe('parseFrame', () => {
  it('reads audio in any case and order as JSON.parse does', () => {
    const other = createScratch();
    fc.assert(
      fc.property(audioText, (text) => {
        const data = Buffer.from(text);
        const frame = parseFrame(data, scratch);
        expect(frame.kind).toBe('AudioData');
        expect(frame).toEqual(readAnyFrame(data, other));
      }),
      { numRuns: 500 },
    );
  });

  it('decodes any base64 as the platform does', () => {
    fc.assert(
      fc.property(pcm, fc.constantFrom<BufferEncoding>('base64', 'base64url'), (audio, encoding) => {
        const text = audio.toString(encoding);
        const frame = parse({ kind: 'AudioData', audioData: { data: text } });
        expect(frame).toMatchObject({ kind: 'AudioData', pcm: audio });
      }),
    );
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), (text) => {
        const frame = parse({ kind: 'AudioData', audioData: { data: text } });
        if (frame.kind === 'AudioData') expect(frame.pcm).toEqual(Buffer.from(text, 'base64'));
      }),
    );
  });

  it('reads audio whose base64 is escaped', () => {
    const audio = Buffer.from([0xfb, 0xef, 0xff, 0xff]);
    const escaped = audio.toString('base64').replaceAll('+', '\\u002B').replaceAll('/', '\\/');
    expect(escaped).toContain('\\');
    const frame = parseFrame(Buffer.from(`{"Kind":"AudioData","AudioData":{"Data":"${escaped}"}}`), scratch);
    expect(frame).toMatchObject({ kind: 'AudioData', silent: false, pcm: audio });
  });

  it('reads what formatAudio wrote, for which the stop marker is no stop', () => {
    fc.assert(
      fc.property(pcm, (audio) => {
        const frame = parseFrame(formatAudio(audio), scratch);
        expect(frame).toEqual({ kind: 'AudioData', pcm: audio, silent: false });
      }),
    );
    expect(JSON.parse(formatAudio(Buffer.from('ab')).toString())).toEqual({
      kind: 'audioData',
      audioData: { data: 'YWI=', isSilent: false },
      stopAudio: {},
    });
    expect(parseFrame(STOP_AUDIO, scratch)).toEqual({ kind: 'Unknown', name: 'stopAudio' });
  });

  it('never throws and never reads beyond the audio, whatever is sent', () => {
    const broken = fc
      .tuple(audioText, fc.nat(), fc.uint8Array({ maxLength: 4 }), fc.boolean())
      .map(([text, position, bytes, cut]) => {
        const data = Buffer.from(text);
        const at = position % (data.length + 1);
        return Buffer.concat([data.subarray(0, at), bytes, cut ? Buffer.alloc(0) : data.subarray(at)]);
      });
    const bytes = fc.uint8Array({ maxLength: 300 }).map((raw) => Buffer.from(raw));
    fc.assert(
      fc.property(
        fc.oneof(
          broken,
          bytes,
          otherValue.map((text) => Buffer.from(text)),
        ),
        (data) => {
          const frame = parseFrame(data, scratch);
          if (frame.kind === 'AudioData') expect(frame.pcm.length % 2).toBe(0);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['x', 'not-json'],
    ['[]', 'no-kind'],
    ['{"audioData":{"data":""}}', 'no-kind'],
    ['{"kind":"AudioData"}', 'no-payload'],
    ['{"kind":"AudioData","audioData":{"data":null}}', 'no-payload'],
    ['{"kind":"AudioData","audioData":{"data":"AA=="}}', 'bad-payload'],
    ['{"kind":"AudioData","audioData":{"data":"A*AA"}}', 'bad-payload'],
    ['{"kind":"AudioData","audioData":{"data":"AAAA"}', 'not-json'],
    [`{"kind":"AudioData","audioData":{"data":"${'A'.repeat(40_000)}"}}`, 'too-large'],
    [`{"kind":"${'A'.repeat(300_000)}"}`, 'too-large'],
    ['{"kind":"DtmfData","dtmfData":{"data":"99"}}', 'bad-payload'],
    ['{"kind":"TranscriptionData","transcriptionData":{}}', 'no-payload'],
    ['{"kind":"AudioMetadata","audioMetadata":{"sampleRate":"16000"}}', 'bad-payload'],
  ])('says why a message is no frame (case %#)', (text, reason) => {
    expect(parseFrame(Buffer.from(text), scratch)).toEqual({ kind: 'Malformed', reason });
  });

  it('reads the other kinds', () => {
    expect(
      parse({
        kind: 'AudioMetadata',
        audioMetadata: { subscriptionId: 's', encoding: 'PCM', sampleRate: 16000, channels: 1, length: 640 },
      }),
    ).toEqual({
      kind: 'AudioMetadata',
      subscriptionId: 's',
      encoding: 'PCM',
      sampleRate: 16000,
      channels: 1,
      length: 640,
    });
    expect(parse({ kind: 'DtmfData', dtmfData: { data: '3' } })).toEqual({ kind: 'DtmfData', tone: '3' });
    expect(parse({ Kind: 'dtmfdata', DtmfData: { Data: 'pound' } })).toEqual({ kind: 'DtmfData', tone: '#' });
    expect(
      parse({
        kind: 'TranscriptionMetadata',
        transcriptionMetadata: { locale: 'en-us', subscriptionId: null },
      }),
    ).toEqual({ kind: 'TranscriptionMetadata', locale: 'en-us' });
    expect(parse({ kind: 'Hologram', hologram: {} })).toEqual({ kind: 'Unknown', name: 'Hologram' });
  });

  it('reads transcriptions, with and without words, in either case of the status', () => {
    const said = { text: 'hello', confidence: 0.69, offset: 212483227, duration: 9600000 };
    const expected = {
      kind: 'TranscriptionData',
      text: 'hello',
      confidence: 0.69,
      offsetTicks: 212483227,
      durationTicks: 9600000,
    };
    expect(
      parse({
        kind: 'TranscriptionData',
        transcriptionData: {
          ...said,
          words: [{ text: 'hello', offset: 1, duration: 2 }, 7],
          participantRawID: '4:+1',
          resultStatus: 'Final',
        },
      }),
    ).toEqual({
      ...expected,
      final: true,
      words: [{ text: 'hello', offsetTicks: 1, durationTicks: 2 }],
      participantRawID: '4:+1',
    });
    const bare = parse({ kind: 'transcriptionData', transcriptionData: { ...said, ResultStatus: 'final' } });
    expect(bare).toEqual({ ...expected, final: true });
    const interim = parse({
      kind: 'TranscriptionData',
      transcriptionData: { ...said, participantRawID: null },
    });
    expect(interim).toEqual({ ...expected, final: false });
  });
});
