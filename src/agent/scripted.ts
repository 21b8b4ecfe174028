/**
 * A responder that follows rules: the first rule whose words the caller used answers, each rule at most `uses` times;
 * where none fits, the next of the general answers. The same call gives the same replies, so that its speech is in
 * the cache the second time. For demonstrations, tests and hold lines; a model answers through another adapter.
 */
import { z } from 'zod';
import type { ReplyPart, ReplyRequest, Responder } from './responder.js';

const ruleSchema = z.object({
  /** Any of these words, lower case. */
  words: z.array(z.string().min(1)).min(1),
  /** `{heard}` stands for the caller's own words; such a rule may answer again and again. */
  say: z.string().min(1),
  slots: z.record(z.string(), z.unknown()).optional(),
  hangUp: z.boolean().optional(),
});

export const scriptSchema = z.object({
  agent: z.string().min(1).default('main'),
  greeting: z.string().min(1),
  rules: z.array(ruleSchema),
  otherwise: z.array(z.string().min(1)).min(1),
});

export type AgentScript = z.output<typeof scriptSchema>;

export const DEFAULT_SCRIPT: AgentScript = {
  agent: 'claims',
  greeting: 'Hello, this is the claims line. How can I help you today?',
  rules: [
    {
      words: ['claim', 'accident', 'damage', 'hit'],
      say: 'I am sorry to hear that. Please tell me your name, and then what happened.',
      slots: { topic: 'claim' },
    },
    {
      words: ['name is', 'my name'],
      say: 'Thank you. When did the accident happen?',
      slots: { named: true },
    },
    {
      words: ['yesterday', 'today', 'monday', 'morning', 'evening', 'week'],
      say: 'Thank you for telling me. Was anybody hurt?',
      slots: { dated: true },
    },
    {
      words: ['nobody', 'no one', 'not hurt', 'hurt'],
      say: 'That is good to know. I have opened a new claim for you. Is there anything else?',
      slots: { claimOpened: true },
    },
    { words: ['reference'], say: 'I have noted: {heard} Is there anything else?' },
    { words: ['goodbye', 'bye', 'thank you', 'that is all'], say: 'Thank you for calling. Have a good day.' },
  ],
  otherwise: [
    'I understand. Please tell me more about it.',
    'Thank you. I have written that down. What else can I do for you?',
    'All right. Is there something more that you want to tell me?',
  ],
};

export class ScriptedResponder implements Responder {
  readonly agent: string;
  readonly #script: AgentScript;

  constructor(script: AgentScript = DEFAULT_SCRIPT) {
    this.#script = script;
    this.agent = script.agent;
  }

  async *reply(request: ReplyRequest, signal: AbortSignal): AsyncGenerator<ReplyPart> {
    if (signal.aborted) return;
    if (request.heard === undefined) {
      yield { kind: 'text', text: this.#script.greeting };
      return;
    }
    const heard = request.heard.toLowerCase();
    const used = new Set(
      request.context.window.filter((line) => line.role === 'agent').map((line) => line.text),
    );
    const rule = this.#script.rules.find(
      (candidate) => !used.has(candidate.say) && candidate.words.some((words) => heard.includes(words)),
    );
    if (!rule) {
      const answered = request.context.window.filter((line) => line.role === 'agent').length;
      const text = this.#script.otherwise[answered % this.#script.otherwise.length] ?? this.#script.greeting;
      yield { kind: 'text', text };
      return;
    }
    if (rule.slots) yield { kind: 'patch', patch: { slots: rule.slots } };
    if (signal.aborted) return;
    yield { kind: 'text', text: rule.say.replace('{heard}', () => request.heard ?? '') };
    if (rule.hangUp && !signal.aborted) yield { kind: 'hangUp' };
  }

  phrases(): readonly string[] {
    return [this.#script.greeting];
  }
}
