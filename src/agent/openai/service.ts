/** The HTTP side of an OpenAI-compatible service: one streamed request, its refusals as coded errors. Does not retry. */
import { Agent, type Dispatcher, request as httpRequest } from 'undici';
import { retryAfter } from '../../service/retry-after.js';
import { AgentError } from '../errors.js';
import type { ChatMessage } from './messages.js';

export interface ChatServiceOptions {
  /** Up to, without, `/chat/completions`. */
  readonly baseUrl: string;
  readonly apiKey?: string | undefined;
  /** Azure OpenAI: the `api-version` of the query; the key then travels as `api-key`. */
  readonly apiVersion?: string | undefined;
  /** A source of bearer tokens (Entra ID), where there is no key. */
  readonly token?: (signal: AbortSignal) => Promise<string>;
  readonly model: string;
  /** Most tokens of a reply. */
  readonly maxTokens: number;
  /** Fields added to each request; null takes one away. */
  readonly body?: Readonly<Record<string, unknown>> | undefined;
  /** Connections kept to the service. Default 64. */
  readonly connections?: number;
}

export class ChatService {
  readonly #options: ChatServiceOptions;
  readonly #url: URL;
  readonly #agent: Agent;

  constructor(options: ChatServiceOptions) {
    this.#options = options;
    this.#url = new URL(`${options.baseUrl.replace(/\/+$/, '')}/chat/completions`);
    if (options.apiVersion) this.#url.searchParams.set('api-version', options.apiVersion);
    this.#agent = new Agent({ connections: options.connections ?? 64, keepAliveTimeout: 30_000 });
  }

  /** For spans: where the service is. */
  get address(): { readonly host: string; readonly port: number } {
    const { hostname, port, protocol } = this.#url;
    return { host: hostname, port: Number(port) || (protocol === 'https:' ? 443 : 80) };
  }

  /** Bytes of the event stream. @throws AgentError for any answer but a stream; what undici throws */
  async stream(messages: readonly ChatMessage[], signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
    const response = await httpRequest(this.#url, {
      method: 'POST',
      dispatcher: this.#agent,
      signal,
      // The caller's deadlines end it.
      headersTimeout: 0,
      bodyTimeout: 0,
      headers: {
        ...(await this.#authorization(signal)),
        'content-type': 'application/json',
        accept: 'text/event-stream',
        'user-agent': 'rtvoice',
      },
      body: JSON.stringify(this.#body(messages)),
    });
    await refuseUnlessStream(response);
    return response.body as AsyncIterable<Buffer>;
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #authorization(signal: AbortSignal): Promise<Record<string, string>> {
    const { apiKey, apiVersion, token } = this.#options;
    if (!apiKey) return token ? { authorization: `Bearer ${await token(signal)}` } : {};
    return apiVersion ? { 'api-key': apiKey } : { authorization: `Bearer ${apiKey}` };
  }

  #body(messages: readonly ChatMessage[]): Record<string, unknown> {
    const { model, maxTokens, body = {} } = this.#options;
    const whole = {
      model,
      messages,
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: maxTokens,
      ...body,
    };
    return Object.fromEntries(Object.entries(whole).filter(([, value]) => value !== null));
  }
}

async function refuseUnlessStream({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<void> {
  const type = String(headers['content-type'] ?? '');
  if (statusCode === 200 && type.startsWith('text/event-stream')) return;
  // Without its body read, or thrown away, the connection would not be used again.
  await body.dump({ limit: 16_384 });
  const message = `the model service answered ${statusCode}`;
  if (statusCode === 200) throw new AgentError('RTV_AGENT_MALFORMED', `${message} without an event stream`);
  if (statusCode === 401 || statusCode === 403) throw new AgentError('RTV_AGENT_AUTH', message);
  const options = { retryAfterMs: retryAfter(headers['retry-after']) };
  if (statusCode === 429) throw new AgentError('RTV_AGENT_THROTTLED', message, options);
  if (statusCode === 408 || statusCode >= 500)
    throw new AgentError('RTV_AGENT_UNAVAILABLE', message, options);
  throw new AgentError('RTV_AGENT_REJECTED', message);
}
