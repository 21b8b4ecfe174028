/** A picture in memory, with as much drawing as a timeline needs. Everything beyond its edges is left out. */
import { GLYPH_HEIGHT, GLYPH_WIDTH, isInk, plain } from './font.js';
import { encodePng } from './png.js';

/** Red, green, blue, 0 to 255. */
export type Colour = readonly [number, number, number];

export class Canvas {
  readonly width: number;
  readonly height: number;
  readonly #rgb: Uint8Array;

  constructor(width: number, height: number, background: Colour) {
    this.width = width;
    this.height = height;
    this.#rgb = new Uint8Array(width * height * 3);
    this.fill(0, 0, width, height, background);
  }

  /** @param opacity 1 covers what is there, 0 leaves it */
  fill(x: number, y: number, width: number, height: number, colour: Colour, opacity = 1): void {
    const left = Math.max(0, Math.round(x));
    const right = Math.min(this.width, Math.round(x + width));
    const bottom = Math.min(this.height, Math.round(y + height));
    for (let row = Math.max(0, Math.round(y)); row < bottom; row += 1) {
      for (let at = (row * this.width + left) * 3; at < (row * this.width + right) * 3; at += 3) {
        for (let channel = 0; channel < 3; channel += 1) {
          const there = this.#rgb[at + channel] ?? 0;
          this.#rgb[at + channel] = there + ((colour[channel] ?? 0) - there) * opacity;
        }
      }
    }
  }

  /** Letters `scale` times their 5 by 7 points; gives the width. */
  text(x: number, y: number, text: string, colour: Colour, scale = 2): number {
    const letters = [...plain(text)];
    for (const [index, letter] of letters.entries()) {
      for (let column = 0; column < GLYPH_WIDTH; column += 1) {
        for (let row = 0; row < GLYPH_HEIGHT; row += 1) {
          if (!isInk(letter, column, row)) continue;
          const left = x + (index * GLYPH_WIDTH + column) * scale;
          this.fill(left, y + row * scale, scale, scale, colour);
        }
      }
    }
    return textWidth(text, scale);
  }

  pixel(x: number, y: number): Colour {
    const at = (y * this.width + x) * 3;
    return [this.#rgb[at] ?? 0, this.#rgb[at + 1] ?? 0, this.#rgb[at + 2] ?? 0];
  }

  toPng(): Buffer {
    return encodePng(this.width, this.height, this.#rgb);
  }
}

export const textWidth = (text: string, scale = 2): number => [...plain(text)].length * GLYPH_WIDTH * scale;

/** As much of a text as fits into so many points; dots where something is missing. */
export function fitted(text: string, width: number, scale = 2): string {
  const letters = [...plain(text)];
  const most = Math.floor(width / (GLYPH_WIDTH * scale));
  if (letters.length <= most) return letters.join('');
  return most < 3 ? '' : `${letters.slice(0, most - 2).join('')}..`;
}
