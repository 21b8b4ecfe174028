import { createHash } from 'node:crypto';
import { type PartDocument, partDocumentId, type TurnDocument } from './documents.js';

/**
 * Largest document that is written in one piece, bytes of JSON in UTF-8. The service's limit is 2 MiB for the
 * stored item; the rest is room for the envelope, system properties and escapes that a store may add.
 */
export const MAX_DOCUMENT_BYTES = 1_900_000;

/** JSON size in bytes as the stores encode it: `<`, `>` and `&` become six-byte escapes on the way through daprd. */
export function storedBytes(value: unknown): number {
  const json = JSON.stringify(value);
  let escapes = 0;
  for (let i = 0; i < json.length; i++) {
    const unit = json.charCodeAt(i);
    if (unit === 0x3c || unit === 0x3e || unit === 0x26) escapes++;
  }
  return Buffer.byteLength(json) + escapes * 5;
}

/**
 * Turns a turn that is too large into numbered parts and a main document without text.
 * Undefined when it fits in `maxBytes`. The parts are written first, so that a main document means a whole turn.
 */
export function splitTurn(
  turn: TurnDocument,
  maxBytes: number = MAX_DOCUMENT_BYTES,
): { readonly main: TurnDocument; readonly parts: readonly PartDocument[] } | undefined {
  // Six bytes for one UTF-16 unit is the worst case of any escape: most turns need no measuring.
  if (turn.transcript.length * 6 + 4096 <= maxBytes || storedBytes(turn) <= maxBytes) return undefined;
  const texts = slices(turn.transcript, Math.max(1024, maxBytes - 4096));
  const digest = createHash('sha256').update(turn.transcript).digest('hex').slice(0, 12);
  const partSet = `${texts.length}x${digest}`;
  const parts = texts.map(
    (text, index): PartDocument => ({
      id: partDocumentId(turn.id, index + 1, partSet),
      kind: 'part',
      sessionId: turn.sessionId,
      incarnation: turn.incarnation,
      partOf: turn.seq,
      part: index + 1,
      parts: texts.length,
      partSet,
      turnId: turn.turnId,
      text,
      schema: 1,
    }),
  );
  return { main: { ...turn, transcript: '', parts: texts.length, partSet }, parts };
}

/** Puts the text back. Undefined when a part is missing or belongs to another turn. */
export function joinParts(main: TurnDocument, parts: readonly PartDocument[]): TurnDocument | undefined {
  const { parts: count, partSet, ...rest } = main;
  if (count === undefined) return main;
  const ordered = [...parts].sort((a, b) => a.part - b.part);
  const whole =
    ordered.length === count &&
    ordered.every((p, i) => p.part === i + 1 && p.turnId === main.turnId && p.partSet === partSet);
  return whole ? { ...rest, transcript: ordered.map((p) => p.text).join('') } : undefined;
}

// What sealed text is made of (base64 and separators): one byte a character, no escapes.
const PLAIN = /^[\w+/=.:-]*$/;

function slices(text: string, maxBytes: number): string[] {
  const out: string[] = [];
  if (PLAIN.test(text)) {
    for (let at = 0; at < text.length; at += maxBytes) out.push(text.slice(at, at + maxBytes));
    return out;
  }
  let start = 0;
  while (start < text.length) {
    let end = start;
    let bytes = 0;
    while (end < text.length) {
      const width = text.codePointAt(end) ?? 0;
      const units = width > 0xffff ? 2 : 1;
      const cost = costOf(width);
      if (bytes + cost > maxBytes) break;
      bytes += cost;
      end += units;
    }
    out.push(text.slice(start, end));
    start = end;
  }
  return out;
}

/** Bytes of one code point in JSON, escapes included. */
function costOf(codePoint: number): number {
  if (codePoint === 0x22 || codePoint === 0x5c) return 2;
  if (codePoint < 0x20 || codePoint === 0x3c || codePoint === 0x3e || codePoint === 0x26) return 6;
  if (codePoint < 0x80) return 1;
  if (codePoint < 0x800) return 2;
  // Lone surrogates and U+2028/2029 are written as escapes of six bytes.
  if ((codePoint >= 0xd800 && codePoint <= 0xdfff) || codePoint === 0x2028 || codePoint === 0x2029) return 6;
  return codePoint > 0xffff ? 4 : 3;
}
