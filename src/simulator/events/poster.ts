import { Agent, request } from 'undici';
import { messageOf } from '../errors.js';
import { now, tenths } from '../time.js';

/** The application's answer to a post, or why there was none. */
export interface Posted {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  readonly body: string;
  readonly error: string | undefined;
  readonly tookMs: number;
}

const MAX_ANSWER_CHARS = 10_000;
const DEFAULT_TIMEOUT_MS = 30_000;

/** Posts events to the application over kept-alive connections. */
export class Poster {
  readonly #agent = new Agent({ connections: 128, keepAliveTimeout: 4000, connect: { timeout: 5000 } });

  /** Never throws: a failure is a status 0 with its message. */
  async send(
    url: string,
    body: string,
    headers: Readonly<Record<string, string>>,
    options: { method?: 'POST' | 'OPTIONS'; signal?: AbortSignal; timeoutMs?: number } = {},
  ): Promise<Posted & { headers: Readonly<Record<string, string>> }> {
    const startedAt = now();
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    try {
      const answer = await request(url, {
        method: options.method ?? 'POST',
        body: options.method === 'OPTIONS' ? null : body,
        headers,
        dispatcher: this.#agent,
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
        ...(options.signal === undefined ? {} : { signal: options.signal }),
      });
      const text = (await answer.body.text()).slice(0, MAX_ANSWER_CHARS);
      const plain: Record<string, string> = {};
      for (const [name, value] of Object.entries(answer.headers)) plain[name] = String(value);
      return {
        status: answer.statusCode,
        body: text,
        error: undefined,
        tookMs: tenths(now() - startedAt),
        headers: plain,
      };
    } catch (error) {
      return {
        status: 0,
        body: '',
        error: messageOf(error) || 'no answer',
        tookMs: tenths(now() - startedAt),
        headers: {},
      };
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}
