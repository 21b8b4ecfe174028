/** What a call through a storm must have left: the words of both sides, as the script and the agent's rules determine them. */
import { revealTranscript } from '../../src/actors/call-record.js';
import { DEFAULT_SCRIPT } from '../../src/agent/scripted.js';
import type { CallResult } from '../../src/simulator/core/report.js';
import { TextsByLanguage } from '../../src/speech/spoken-texts.js';
import type { RedisKeyManager } from '../../src/stores/keys.js';
import type { StackView } from './stack.js';

/** The caller's lines; each meets a rule of the agent's, so that every reply is known beforehand. */
export const SAID = ['My name is Alice Brown.', 'Someone hit my car yesterday.'] as const;

const SPOKEN = new TextsByLanguage('en').of('en');

const replyTo = (words: string): string => {
  const rule = DEFAULT_SCRIPT.rules.find((one) => one.words.includes(words));
  if (!rule) throw new Error(`the agent's script has no rule for ${words}`);
  return rule.say;
};

/** What the agent says, in this order, in a call in which nothing breaks. */
export const ANSWERED = [DEFAULT_SCRIPT.greeting, replyTo('name is'), replyTo('hit')] as const;

export interface Words {
  readonly said: readonly string[];
  readonly answered: readonly string[];
}

/**
 * A call's words as the archive has them. @throws Error where a number is missing or comes twice, a turn comes twice, or
 * there is not exactly one summary.
 */
export async function wordsOf(view: StackView, callId: string): Promise<Words> {
  const { turns, summaries } = await view.transcript(callId);
  const numbers = turns.map(({ seq }) => seq).join();
  if (numbers !== turns.map((_, index) => index + 1).join())
    throw new Error(`${callId}: turns are numbered ${numbers}`);
  if (new Set(turns.map(({ turnId }) => turnId)).size !== turns.length)
    throw new Error(`${callId}: a turn is there twice`);
  if (summaries.length !== 1 || summaries[0]?.turns !== turns.length)
    throw new Error(`${callId}: ${summaries.length} summaries over ${turns.length} turns`);
  const of = (wanted: string): string[] =>
    turns
      .filter(({ role }) => role === wanted)
      .map(({ turnId, transcript }) => revealTranscript(view.seal, callId, turnId, transcript));
  return { said: of('user'), answered: of('agent') };
}

/**
 * What is wrong with the words of a call whose sockets held; undefined: nothing. If its owner died the agent may have
 * asked the caller to wait for a moment before it said what it had to say.
 */
export function wrongWords({ said, answered }: Words): string | undefined {
  if (said.join('|') !== SAID.join('|')) return `the caller said ${said.join('|')}`;
  const filler = `${SPOKEN.filler} `;
  const meant = answered.map((words) => (words.startsWith(filler) ? words.slice(filler.length) : words));
  return meant.join('|') === ANSWERED.join('|') ? undefined : `the agent said ${answered.join('|')}`;
}

/**
 * The same for a call one of whose sockets broke with a worker: what the caller said while no worker held the socket is nowhere,
 * and the agent may begin a sentence again or excuse itself. But nothing is there twice, out of order, or made up.
 */
export function wrongWordsAfterLoss({ said, answered }: Words): string | undefined {
  const order = said.map((words) => SAID.indexOf(words as (typeof SAID)[number]));
  if (order.some((place, index) => place < 0 || (index > 0 && place <= (order[index - 1] ?? 0))))
    return `the caller said ${said.join('|')}`;
  const known = [...ANSWERED, ...Object.values(SPOKEN), ...DEFAULT_SCRIPT.otherwise].flatMap(sentences);
  const strange = answered.flatMap(sentences).find((words) => !known.some((one) => one.startsWith(words)));
  return strange === undefined ? undefined : `the agent said ${strange}`;
}

const sentences = (text: string): string[] => text.split(/(?<=[.?!]) +/).filter((words) => words !== '');

/** A worker with one of its sockets died under the call. */
export const wasCut = ({ media, transcripts }: CallResult): boolean => media.lost + transcripts.lost > 0;

/** Whether the call's session in Redis says that its record is closed. Asks the store: an actor would come back to answer. */
export async function isClosed(view: StackView, keys: RedisKeyManager, callId: string): Promise<boolean> {
  const data = await view.redis.hget(keys.callKey(callId, 'session'), 'd');
  const { state } = JSON.parse(data ?? '{}') as { state?: { phase?: string } };
  return (
    state?.phase === 'ended' && (await view.redis.zscore(keys.systemKey('calls', 'live'), callId)) === null
  );
}
