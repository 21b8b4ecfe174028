import type { MalformedReason } from './frame.js';

const PADDING = '='.charCodeAt(0);

/**
 * Decodes base64 audio into `scratch`. The native decoder wants a string: a short-lived one a frame still
 * costs a third of what decoding byte by byte does.
 * @returns bytes written, or why it is no PCM16 audio
 */
export function decodePayload(base64: string, scratch: Buffer): number | MalformedReason {
  let digits = base64.length;
  while (digits > 0 && base64.length - digits < 2 && base64.charCodeAt(digits - 1) === PADDING) digits--;
  const expected = Math.floor((digits * 3) / 4);
  if (expected > scratch.length) return 'too-large';
  // The decoder skips what is no base64 digit, so that foreign characters show as missing bytes.
  const written = scratch.write(base64, 0, 'base64');
  return written === expected && written % 2 === 0 ? written : 'bad-payload';
}

let view: Buffer = Buffer.alloc(0);
let viewOf: Buffer = view;

/** The first bytes of `scratch`; the same view again while frames have one size. */
export function viewFrame(scratch: Buffer, bytes: number): Buffer {
  if (viewOf !== scratch || view.length !== bytes) {
    view = scratch.subarray(0, bytes);
    viewOf = scratch;
  }
  return view;
}
