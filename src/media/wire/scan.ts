const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const BRACE_OPEN = 0x7b;
const BRACE_CLOSE = 0x7d;
const BRACKET_OPEN = 0x5b;
const BRACKET_CLOSE = 0x5d;
const NEAR_BYTES = 40;
const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');

/**
 * Walks the members of JSON objects in a buffer without building values. Strings are given as spans of
 * bytes; one that holds an escape is not given (`escaped` is set), only skipped.
 */
export class Cursor {
  /** Span of the name or string read last, without its quotes. */
  start = 0;
  end = 0;
  /** The object walked last ended with its brace. */
  closed = false;
  /** A name or a string asked for holds an escape: its span would not be its text. */
  escaped = false;
  private data: Buffer = Buffer.alloc(0);
  private at = 0;
  private first = true;
  private hasEscapes = false;

  reset(data: Buffer): void {
    this.data = data;
    this.at = 0;
    this.first = true;
    this.closed = false;
    this.escaped = false;
    this.hasEscapes = data.includes(BACKSLASH);
  }

  /** Enters an object. */
  open(): boolean {
    this.closed = false;
    if (this.peek() !== BRACE_OPEN) return false;
    this.at++;
    this.first = true;
    return true;
  }

  /** Moves to the next member's value and gives its name as span; false at the object's end or an error. */
  nextName(): boolean {
    const next = this.peek();
    if (next === BRACE_CLOSE) {
      this.at++;
      this.closed = true;
      this.first = false;
      return false;
    }
    this.closed = false;
    if (!this.first) {
      if (next !== COMMA) return false;
      this.at++;
    }
    this.first = false;
    if (!this.readString() || this.peek() !== COLON) return false;
    this.at++;
    return true;
  }

  /** Only white space is left. */
  get ended(): boolean {
    return this.peek() === undefined;
  }

  /** The span equals this name in any letter case; `lower` consists of a-z. */
  is(lower: Buffer): boolean {
    if (this.end - this.start !== lower.length) return false;
    for (let i = 0; i < lower.length; i++) {
      if (((this.data[this.start + i] ?? 0) | 0x20) !== lower[i]) return false;
    }
    return true;
  }

  /** Reads a string into the span; false, without moving, when there is none. */
  readString(): boolean {
    if (this.peek() !== QUOTE) return false;
    const start = this.at + 1;
    const end = this.stringEnd(start);
    if (end < 0) return false;
    if (this.hasEscapes && this.data.subarray(start, end).includes(BACKSLASH)) {
      this.escaped = true;
      return false;
    }
    this.start = start;
    this.end = end;
    this.at = end + 1;
    return true;
  }

  /** Reads true or false; undefined, without moving, when it is neither. */
  readBoolean(): boolean | undefined {
    this.peek();
    if (this.take(TRUE)) return true;
    if (this.take(FALSE)) return false;
    return undefined;
  }

  skipValue(): boolean {
    const next = this.peek();
    if (next === undefined) return false;
    if (next === QUOTE) return this.skipString();
    if (next === BRACE_OPEN || next === BRACKET_OPEN) return this.skipNested();
    const start = this.at;
    while (this.at < this.data.length && isScalar(this.data[this.at] ?? 0)) this.at++;
    return this.at > start;
  }

  private skipNested(): boolean {
    let depth = 0;
    while (this.at < this.data.length) {
      const byte = this.data[this.at];
      if (byte === QUOTE) {
        if (!this.skipString()) return false;
        continue;
      }
      this.at++;
      if (byte === BRACE_OPEN || byte === BRACKET_OPEN) depth++;
      else if ((byte === BRACE_CLOSE || byte === BRACKET_CLOSE) && --depth === 0) return true;
    }
    return false;
  }

  private skipString(): boolean {
    const end = this.stringEnd(this.at + 1);
    if (end < 0) return false;
    this.at = end + 1;
    return true;
  }

  /** Index of the closing quote of a string whose content starts at `from`, -1 when it is not closed. */
  private stringEnd(from: number): number {
    if (!this.hasEscapes) {
      // Most strings are short: cheaper to look here than to cross into native code.
      const near = Math.min(from + NEAR_BYTES, this.data.length);
      for (let at = from; at < near; at++) if (this.data[at] === QUOTE) return at;
      return this.data.indexOf(QUOTE, near);
    }
    let end = this.data.indexOf(QUOTE, from);
    while (end >= 0) {
      let slashes = 0;
      while (end - 1 - slashes >= from && this.data[end - 1 - slashes] === BACKSLASH) slashes++;
      if (slashes % 2 === 0) return end;
      end = this.data.indexOf(QUOTE, end + 1);
    }
    return -1;
  }

  private take(word: Buffer): boolean {
    for (let i = 0; i < word.length; i++) if (this.data[this.at + i] !== word[i]) return false;
    this.at += word.length;
    return true;
  }

  /** The next byte that is no white space, without taking it. */
  private peek(): number | undefined {
    let byte = this.data[this.at];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = this.data[++this.at];
    return byte;
  }
}

/** Part of a number or of a literal. */
function isScalar(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    byte === 0x2b ||
    byte === 0x2d ||
    byte === 0x2e ||
    byte === 0x45
  );
}
