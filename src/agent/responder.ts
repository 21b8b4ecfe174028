/** Who answers: the port of the agent. An adapter streams its reply in parts; the media session speaks it. */
import type { Usage } from '../call/measures.js';
import type { ContextPatch } from '../call/turn.js';
import type { ConversationContext } from '../memory/context.js';

export type ReplyPart =
  /** Text as it comes, any chunking; the media session cuts it into sentences. */
  | { readonly kind: 'text'; readonly text: string }
  /** A change of the context that belongs to this reply. */
  | { readonly kind: 'patch'; readonly patch: ContextPatch }
  /** The agent hangs up after what it said. */
  | { readonly kind: 'hangUp' };

export interface ReplyRequest {
  readonly context: ConversationContext;
  /** The caller's words; undefined for the greeting. */
  readonly heard: string | undefined;
  /** Language of the call, BCP 47. */
  readonly locale: string;
  /** The call's trace, for the spans of an adapter. */
  readonly traceparent?: string | undefined;
  /**
   * Told what the reply used, once a request to the model: also of one that was cut or failed, as far as it is known.
   * It rides with the reply's turn into the record.
   */
  readonly used?: (usage: Usage) => void;
}

export interface Responder {
  /** Name of the agent, as it stands in turns. */
  readonly agent: string;
  /** Ends early, without error, when the signal aborts. @throws AgentError */
  reply(request: ReplyRequest, signal: AbortSignal): AsyncIterable<ReplyPart>;
  /** Phrases worth keeping as speech before anyone needs them. */
  phrases(): readonly string[];
  /** Ends what the adapter keeps open. */
  close?(): Promise<void>;
}
