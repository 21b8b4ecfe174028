/** One chunk of a streamed chat completion, as far as a spoken reply needs it. Tolerant of what it does not know. */
import { z } from 'zod';
import { AgentError } from '../errors.js';

const chunkSchema = z.object({
  model: z.string().nullish(),
  choices: z
    .array(
      z.object({
        delta: z.object({ content: z.string().nullish() }).nullish(),
        finish_reason: z.string().nullish(),
      }),
    )
    .nullish(),
  usage: z.object({ prompt_tokens: z.number(), completion_tokens: z.number() }).nullish(),
  error: z.object({ code: z.union([z.string(), z.number()]).nullish() }).nullish(),
});

export interface ChatChunk {
  readonly text: string;
  /** `stop`, `length`, `content_filter` … in the last chunk of the reply. */
  readonly finish: string | undefined;
  readonly model: string | undefined;
  readonly usage: { readonly tokensIn: number; readonly tokensOut: number } | undefined;
}

/** @throws AgentError RTV_AGENT_MALFORMED; RTV_AGENT_UNAVAILABLE where the service reports an error in the stream */
export function parseChunk(data: string): ChatChunk {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    throw new AgentError('RTV_AGENT_MALFORMED', 'an event is no JSON');
  }
  const parsed = chunkSchema.safeParse(value);
  if (!parsed.success) throw new AgentError('RTV_AGENT_MALFORMED', 'an event is no chat completion chunk');
  const { choices, usage, error, model } = parsed.data;
  if (error) throw new AgentError('RTV_AGENT_UNAVAILABLE', 'the service reported an error in its stream');
  const [choice] = choices ?? [];
  return {
    text: choice?.delta?.content ?? '',
    finish: choice?.finish_reason ?? undefined,
    model: model ?? undefined,
    usage: usage ? { tokensIn: usage.prompt_tokens, tokensOut: usage.completion_tokens } : undefined,
  };
}
