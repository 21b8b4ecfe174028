/** Server-sent events out of a byte stream, cut anywhere. Pure. https://html.spec.whatwg.org/multipage/server-sent-events.html */
import { AgentError } from '../errors.js';

/** An event longer than this is no piece of a reply, characters. */
const MOST_CHARACTERS = 1024 * 1024;

/** Takes bytes as they come; gives the data of each event that they complete. Comments and other fields pass unseen. */
export class SseParser {
  readonly #decoder = new TextDecoder('utf-8');
  /** An unfinished line. */
  #line = '';
  /** Data lines of an unfinished event. */
  #data: string[] = [];
  #size = 0;
  /** The last piece ended with a carriage return: a line feed that follows belongs to it. */
  #afterReturn = false;

  /** @throws AgentError RTV_AGENT_MALFORMED for an event without end */
  push(bytes: Uint8Array): string[] {
    let text = this.#decoder.decode(bytes, { stream: true });
    if (text === '') return [];
    if (this.#afterReturn && text.startsWith('\n')) text = text.slice(1);
    this.#afterReturn = text === '' ? false : text.endsWith('\r');
    const [first = '', ...rest] = text.split(/\r\n|\r|\n/);
    this.#line += first;
    const events: string[] = [];
    for (const next of rest) {
      const event = this.#take(this.#line);
      if (event !== undefined) events.push(event);
      this.#line = next;
    }
    if (this.#line.length + this.#size > MOST_CHARACTERS)
      throw new AgentError('RTV_AGENT_MALFORMED', 'an event without end');
    return events;
  }

  /** A whole line; an empty one ends the event. */
  #take(line: string): string | undefined {
    if (line === '') {
      if (this.#data.length === 0) return undefined;
      const event = this.#data.join('\n');
      this.#data = [];
      this.#size = 0;
      return event;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    if (field !== 'data') return undefined;
    const value = colon < 0 ? '' : line.slice(colon + (line[colon + 1] === ' ' ? 2 : 1));
    this.#data.push(value);
    this.#size += value.length + 1;
    return undefined;
  }
}
