/** Why the agent's model gave no reply: cause, cure, and `retryable` where the same request may succeed later. */
import type { ErrorEntry } from '../errors.js';

export const AGENT_ERRORS = {
  RTV_AGENT_ABORTED: {
    retryable: false,
    cause: 'A reply was given up by who asked for it: the caller spoke, or the call ended.',
    cure: 'Nothing to do.',
  },
  RTV_AGENT_AUTH: {
    retryable: false,
    cause: 'The model service answered 401 or 403.',
    cure: 'Check AGENT_API_KEY, and AGENT_API_VERSION, which decides the form in which the key is sent.',
  },
  RTV_AGENT_REJECTED: {
    retryable: false,
    cause: 'The model service refused the request: unknown model or field, or too long a conversation.',
    cure: 'Check AGENT_BASE_URL, AGENT_MODEL and AGENT_BODY; the message holds the status.',
  },
  RTV_AGENT_THROTTLED: {
    retryable: true,
    cause: 'The model service answered 429, and its retry-after was too long to let a caller wait.',
    cure: 'Raise the quota of the model. Until its retry-after is over nothing is sent.',
  },
  RTV_AGENT_UNAVAILABLE: {
    retryable: true,
    cause: 'The model service could not be reached, or answered 408 or 5xx.',
    cure: 'Callers hear the fallback phrase. Look at the service if it lasts.',
  },
  RTV_AGENT_STALLED: {
    retryable: true,
    cause: 'The model sent nothing in time: no first token, or none after the last one.',
    cure: 'Look at the load of the service; AGENT_FIRST_TOKEN_MS and AGENT_TOKEN_GAP_MS are the limits.',
  },
  RTV_AGENT_CUT: {
    retryable: true,
    cause: 'The connection ended in the midst of a reply.',
    cure: 'What was spoken stands; the caller is asked to say it again. Look at proxies before the service.',
  },
  RTV_AGENT_MALFORMED: {
    retryable: true,
    cause: 'The answer of the model service is no stream of chat completion chunks, or has no words in it.',
    cure: 'Check that AGENT_BASE_URL names an OpenAI-compatible service.',
  },
  RTV_AGENT_FILTERED: {
    retryable: false,
    cause: "The model service's content filter ended the reply.",
    cure: "Look at the filter's settings and at the prompt.",
  },
  RTV_AGENT_BREAKER_OPEN: {
    retryable: true,
    cause: 'The model service failed several times in a row: for some seconds nothing is sent to it.',
    cure: 'It is tried again by itself. The codes before this one say what failed.',
  },
  RTV_AGENT_PROMPT_MISSING: {
    retryable: true,
    cause: 'The file of a system prompt could not be read.',
    cure: 'Check AGENT_PROMPTS: a folder with a file NAME.md for each agent, main.md at least.',
  },
} as const satisfies Record<string, ErrorEntry & { readonly retryable: boolean }>;

export type AgentErrorCode = keyof typeof AGENT_ERRORS;

/** A failure of the agent's model. Its message never holds words of the conversation. */
export class AgentError extends Error {
  readonly code: AgentErrorCode;
  readonly retryable: boolean;
  /** How long the service asks to be left alone, ms. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: AgentErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly retryAfterMs?: number | undefined } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'AgentError';
    this.code = code;
    this.retryable = AGENT_ERRORS[code].retryable;
    this.retryAfterMs = options.retryAfterMs;
  }
}
