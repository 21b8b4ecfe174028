/** One reply of a model as chunks, under two deadlines: to the first token, and between tokens. */
import { Deadline } from '../../service/deadline.js';
import { AgentError } from '../errors.js';
import { type ChatChunk, parseChunk } from './chunk.js';
import type { ChatMessage } from './messages.js';
import type { ChatService } from './service.js';
import { SseParser } from './sse.js';

export interface ChatTimes {
  /** Longest wait for the first word, ms. */
  readonly firstTokenMs: number;
  /** Longest wait for the next one, ms. */
  readonly gapMs: number;
}

/** Once the reply is whole, its bill is waited for so long, ms: the caller hears the last sentence after it. */
const BILL_MS = 150;

/**
 * Chunks that hold words, the reason of the end, or the bill.
 * @throws AgentError; RTV_AGENT_ABORTED after the signal, RTV_AGENT_CUT without an end
 */
export async function* chatChunks(
  service: ChatService,
  messages: readonly ChatMessage[],
  { firstTokenMs, gapMs }: ChatTimes,
  signal: AbortSignal,
): AsyncGenerator<ChatChunk> {
  const deadline = new Deadline(signal, firstTokenMs);
  let finished = false;
  try {
    const parser = new SseParser();
    for await (const bytes of await service.stream(messages, deadline.signal)) {
      for (const data of parser.push(bytes)) {
        if (data.trim() === '[DONE]') return;
        const chunk = parseChunk(data);
        if (chunk.finish === 'content_filter')
          throw new AgentError('RTV_AGENT_FILTERED', 'the content filter ended the reply');
        finished ||= chunk.finish !== undefined;
        // A chunk that names a role alone is no token: the clock goes on.
        if (chunk.text === '' && !finished && !chunk.usage) continue;
        // The consumer's own time is not the service's.
        deadline.stop();
        yield chunk;
        deadline.restart(finished ? BILL_MS : gapMs);
      }
    }
    if (!finished) throw new AgentError('RTV_AGENT_CUT', 'the stream ended before the reply');
  } catch (error) {
    if (finished && !signal.aborted) return;
    throw explain(error, signal, deadline);
  } finally {
    deadline.end();
  }
}

function explain(error: unknown, signal: AbortSignal, deadline: Deadline): AgentError {
  if (signal.aborted) return new AgentError('RTV_AGENT_ABORTED', 'reply aborted', { cause: error });
  if (deadline.passed) return new AgentError('RTV_AGENT_STALLED', 'the model sent nothing in time');
  if (error instanceof AgentError) return error;
  const cut = (error as { code?: unknown } | null)?.code === 'UND_ERR_SOCKET';
  return new AgentError(cut ? 'RTV_AGENT_CUT' : 'RTV_AGENT_UNAVAILABLE', 'the connection failed', {
    cause: error,
  });
}
