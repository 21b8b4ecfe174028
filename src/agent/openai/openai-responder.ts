/**
 * An agent that is a model behind an OpenAI-compatible service. Its reply streams; a caller who interrupts closes the
 * connection. What fails, fails within the deadline to the first token, so that there is time for a spoken excuse.
 */
import type { Usage } from '../../call/measures.js';
import type { ConversationContext } from '../../memory/context.js';
import { AgentBreaker, type Attempt, type BreakerOptions } from '../breaker.js';
import { AgentError } from '../errors.js';
import { type ChatFacts, ReplyAccount } from '../reply-account.js';
import type { ReplyPart, ReplyRequest, Responder } from '../responder.js';
import { type ChatTimes, chatChunks } from './chat-stream.js';
import type { ChatChunk } from './chunk.js';
import { type ChatMessage, messagesOf } from './messages.js';
import { ChatService, type ChatServiceOptions } from './service.js';

export interface OpenAiResponderOptions {
  /** Name of the agent, as it stands in turns. */
  readonly agent: string;
  readonly service: ChatServiceOptions;
  readonly times: ChatTimes;
  /** System prompt of an agent. */
  prompt(agent: string): Promise<string>;
  /** A fixed first sentence, spoken without the model; undefined: the model greets. */
  greeting?(locale: string): string | undefined;
  readonly breaker?: BreakerOptions;
  /** Told of every request that was sent, for spans and metrics. */
  observe?(facts: ChatFacts): void;
}

/** Tries of one reply: a second one where the first failed so fast that there is time for it. */
const MOST_TRIES = 2;
const RETRY_PAUSE_MS = 50;
/** A try that has less time than this is not worth its request, ms. */
const LEAST_TRY_MS = 300;

export class OpenAiResponder implements Responder {
  readonly agent: string;
  readonly breaker: AgentBreaker;
  readonly #options: OpenAiResponderOptions;
  readonly #service: ChatService;
  /** The service asked to be left alone until then, ms of the monotonic clock. */
  #quietUntil = 0;

  constructor(options: OpenAiResponderOptions) {
    this.#options = options;
    this.agent = options.agent;
    this.breaker = new AgentBreaker(options.breaker);
    this.#service = new ChatService(options.service);
  }

  async *reply(request: ReplyRequest, signal: AbortSignal): AsyncGenerator<ReplyPart> {
    if (signal.aborted) return;
    const greeting = request.heard === undefined ? this.#options.greeting?.(request.locale) : undefined;
    if (greeting !== undefined) {
      yield { kind: 'text', text: greeting };
      return;
    }
    const until = performance.now() + this.#options.times.firstTokenMs;
    this.#refuseIfQuiet(until);
    const attempt = this.breaker.begin();
    try {
      yield* this.#answer(request, signal, until);
      attempt.succeeded();
    } catch (thrown) {
      const error = asAgentError(thrown);
      attempt.failed(error);
      if (!signal.aborted) throw error;
    } finally {
      // A reader that leaves early has what it wanted.
      settle(attempt, signal);
    }
  }

  phrases(): readonly string[] {
    return [];
  }

  async close(): Promise<void> {
    await this.#service.close();
  }

  async *#answer(request: ReplyRequest, signal: AbortSignal, until: number): AsyncGenerator<ReplyPart> {
    const { model } = this.#options.service;
    const messages = await this.#messages(request);
    const account = new ReplyAccount(model, this.#service.address, messages);
    try {
      for await (const chunk of this.#stream(messages, signal, until)) {
        account.take(chunk);
        if (chunk.text !== '') yield { kind: 'text', text: chunk.text };
        if (signal.aborted) return;
      }
      if (!account.spoke) throw new AgentError('RTV_AGENT_MALFORMED', 'a reply without words');
    } catch (error) {
      account.failed(asAgentError(error).code);
      throw error;
    } finally {
      const usage: Usage | undefined = account.usage(signal.aborted);
      if (usage) request.used?.(usage);
      this.#options.observe?.(account.facts(request.traceparent, usage, signal.aborted));
    }
  }

  async #messages({ context, heard, locale }: ReplyRequest): Promise<ChatMessage[]> {
    return messagesOf({ prompt: await this.#prompt(context), context, heard, locale });
  }

  async #prompt(context: ConversationContext): Promise<string> {
    if (context.systemPrompt !== undefined) return context.systemPrompt;
    try {
      return await this.#options.prompt(context.activeAgent);
    } catch (cause) {
      throw new AgentError('RTV_AGENT_PROMPT_MISSING', 'no system prompt', { cause });
    }
  }

  /** The chunks of the first try that gave one. */
  async *#stream(
    messages: readonly ChatMessage[],
    signal: AbortSignal,
    until: number,
  ): AsyncGenerator<ChatChunk> {
    for (let tries = 1; ; tries += 1) {
      await pause(this.#quietUntil - performance.now(), signal);
      const times = { ...this.#options.times, firstTokenMs: Math.max(1, until - performance.now()) };
      const chunks = chatChunks(this.#service, messages, times, signal);
      let first: IteratorResult<ChatChunk>;
      try {
        first = await chunks.next();
      } catch (thrown) {
        const error = asAgentError(thrown);
        const pauseMs = error.retryAfterMs ?? RETRY_PAUSE_MS * (1 + Math.random());
        if (error.code === 'RTV_AGENT_THROTTLED') this.#quietUntil = performance.now() + pauseMs;
        const late = performance.now() + pauseMs + LEAST_TRY_MS > until;
        if (!error.retryable || late || tries >= MOST_TRIES || signal.aborted) throw error;
        await pause(pauseMs, signal);
        continue;
      }
      try {
        if (first.done) return;
        yield first.value;
        yield* chunks;
        return;
      } finally {
        // A reader that leaves closes the connection.
        await chunks.return(undefined);
      }
    }
  }

  /** While the service asks to be left alone longer than a caller can wait, nothing is sent. */
  #refuseIfQuiet(until: number): void {
    if (this.#quietUntil + LEAST_TRY_MS <= until || this.#quietUntil <= performance.now()) return;
    throw new AgentError('RTV_AGENT_THROTTLED', 'the service asked to be left alone', {
      retryAfterMs: this.#quietUntil - performance.now(),
    });
  }
}

const asAgentError = (thrown: unknown): AgentError =>
  thrown instanceof AgentError
    ? thrown
    : new AgentError('RTV_AGENT_UNAVAILABLE', 'the reply failed', { cause: thrown });

/** Has no effect where the attempt was settled. */
function settle(attempt: Attempt, signal: AbortSignal): void {
  if (signal.aborted) attempt.failed(new AgentError('RTV_AGENT_ABORTED', 'reply aborted'));
  else attempt.succeeded();
}

/** Ends at once when the signal aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}
