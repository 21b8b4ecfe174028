/** Everything that was seen, one JSON object a line, for whoever looks for the cause of a complaint. Test data only. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';

export class RunLog {
  readonly path: string;
  readonly #stream: WriteStream;

  constructor(path: string) {
    this.path = path;
    this.#stream = createWriteStream(path, { mode: 0o600 });
  }

  /** @param kind what it is about: turn, method, reminder, fault, caller, … */
  write(kind: string, fields: Readonly<Record<string, unknown>>): void {
    this.#stream.write(`${JSON.stringify({ t: Date.now(), ...fields, kind })}\n`);
  }

  async close(): Promise<void> {
    this.#stream.end();
    await finished(this.#stream);
  }
}
