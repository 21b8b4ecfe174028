import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AgentError } from '../errors.js';
import { SseParser } from './sse.js';

const parse = (pieces: readonly Uint8Array[]): string[] => {
  const parser = new SseParser();
  return pieces.flatMap((piece) => parser.push(piece));
};

describe('server-sent events', () => {
  it('are the data of each event; comments, names and ids pass unseen', () => {
    const text =
      ': ping\n\nevent: x\nid: 7\ndata: one\n\ndata:two\ndata: lines\n\nretry: 5\n\ndata\n\ndata: unfinished\n';
    expect(parse([Buffer.from(text)])).toEqual(['one', 'two\nlines', '']);
  });

  it('come out alike however line ends and bytes are cut', () => {
    const data = fc
      .string({ unit: 'grapheme' })
      .filter((text) => !/[\r\n]/.test(text) && text === text.trimStart());
    fc.assert(
      fc.property(
        fc.array(data, { maxLength: 6 }),
        fc.constantFrom('\n', '\r', '\r\n'),
        fc.array(fc.nat(40), { maxLength: 30 }),
        (events, end, cuts) => {
          const bytes = Buffer.from(events.map((text) => `: hi${end}data: ${text}${end}${end}`).join(''));
          const pieces: Buffer[] = [];
          let at = 0;
          for (const cut of cuts) {
            pieces.push(bytes.subarray(at, at + cut));
            at += cut;
          }
          pieces.push(bytes.subarray(at));
          expect(parse(pieces)).toEqual(events);
        },
      ),
    );
  });

  it('without end are refused, not kept', () => {
    const parser = new SseParser();
    const megabyte = Buffer.alloc(1024 * 1024, 0x61);
    expect(() => {
      for (let piece = 0; piece < 4; piece += 1) parser.push(megabyte);
    }).toThrow(AgentError);
  });
});
