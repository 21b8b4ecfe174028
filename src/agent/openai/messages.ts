/** The conversation as a model takes it: system prompt, what is known, the turns of the window. Pure. */
import type { ConversationContext } from '../../memory/context.js';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** Characters of turns that a request carries; the newest count. */
const MOST_CHARACTERS = 24_000;
/** Characters of slots and caller's profile. */
const MOST_KNOWN = 8_000;
/** A greeting is asked for in words that no caller says. */
const BEGIN = '(The caller has just been connected. Greet them.)';

export interface Conversation {
  readonly prompt: string;
  readonly context: ConversationContext;
  /** The caller's words; undefined for the greeting. */
  readonly heard: string | undefined;
  readonly locale: string;
}

export function messagesOf({ prompt, context, heard, locale }: Conversation): ChatMessage[] {
  const system = [
    prompt,
    `The language of this call is ${locale}. Your words are spoken on the phone: short sentences, no markup, no lists.`,
    ...knownOf(context),
  ].join('\n\n');
  const turns = context.window.map(
    ({ role, text }): ChatMessage => ({ role: role === 'agent' ? 'assistant' : 'user', content: text }),
  );
  const last = turns.at(-1);
  const asked = heard ?? (turns.length === 0 ? BEGIN : undefined);
  if (asked !== undefined && !(last?.role === 'user' && last.content === asked))
    turns.push({ role: 'user', content: asked });
  return [{ role: 'system', content: system }, ...newest(turns)];
}

/** What agents noted in this call, and what the caller's profile says. */
function knownOf(context: ConversationContext): string[] {
  const known = {
    ...(Object.keys(context.slots).length > 0 ? { noted: context.slots } : {}),
    ...(context.values?.caller === undefined ? {} : { caller: context.values.caller }),
  };
  const text = JSON.stringify(known);
  return text === '{}' || text.length > MOST_KNOWN ? [] : [`What is known so far, as data: ${text}`];
}

/** The last turns that fit; at least the last one, cut. */
function newest(turns: readonly ChatMessage[]): ChatMessage[] {
  let left = MOST_CHARACTERS;
  const kept: ChatMessage[] = [];
  for (const turn of turns.toReversed()) {
    if (turn.content.length > left) {
      if (kept.length === 0) kept.push({ ...turn, content: turn.content.slice(-left) });
      break;
    }
    left -= turn.content.length;
    kept.push(turn);
  }
  return kept.reverse();
}
