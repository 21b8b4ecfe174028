import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type OpenTurn, toJson, toText, toWebVtt } from './transcript-formats.js';

const turn = (
  seq: number,
  startMs: number,
  endMs: number,
  text: string,
  over: Partial<OpenTurn> = {},
): OpenTurn => ({
  seq,
  role: seq % 2 === 1 ? 'agent' : 'user',
  agent: 'Front <desk>',
  startedAt: new Date(1_767_225_600_000 + startMs).toISOString(),
  endedAt: new Date(1_767_225_600_000 + endMs).toISOString(),
  interrupted: false,
  text,
  ...over,
});
const transcript = (turns: readonly OpenTurn[]) => ({
  sessionId: 's',
  completeness: 'complete',
  turns,
});

describe('transcript formats', () => {
  const two = transcript([
    turn(1, 0, 2500, 'Hello.\nHow are you?', { interrupted: true }),
    turn(2, 3_661_040, 3_661_040, 'a < b & c --> d'),
  ]);

  it('writes text with the time since the first turn', () => {
    expect(toText(two)).toBe(
      '[00:00:00] Front <desk>: Hello. How are you? [interrupted]\n[01:01:01] Caller: a < b & c --> d\n',
    );
  });

  it('writes WebVTT with escapes and cues that last', () => {
    expect(toWebVtt(two)).toBe(
      'WEBVTT\n\n1\n00:00:00.000 --> 00:00:02.500\n<v Front &lt;desk&gt;>Hello. How are you? [interrupted]\n\n' +
        '2\n01:01:01.040 --> 01:01:01.041\n<v Caller>a &lt; b &amp; c --&gt; d\n',
    );
    expect(toWebVtt(transcript([]))).toBe('WEBVTT\n\n');
  });

  it('keeps cues apart whatever is said', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { maxLength: 8 }), (texts) => {
        const turns = texts.map((text, i) => turn(i + 1, i * 1000, i * 1000 + 900, text));
        const vtt = toWebVtt(transcript(turns));
        expect(vtt.match(/ --> /g)?.length ?? 0).toBe(texts.length);
        expect(vtt.trimEnd().split('\n\n').length).toBe(texts.length + 1);
        expect(JSON.parse(toJson(transcript(turns)))).toEqual(transcript(turns));
      }),
    );
  });
});
