/**
 * What becomes of incoming calls, as the setting ANSWER_POLICY says it: rules parted by commas, each `answer`, `reject` or
 * `redirect:RAW_ID`, before it perhaps the called number to which alone it applies:
 *
 *   +15550198=reject,+15550197=redirect:4:+15550123,answer
 */
import type { IncomingCall } from './incoming.js';

/** What can be done with a call that rings. */
export const ANSWER_DECISIONS = ['answer', 'reject', 'redirect'] as const;

/** What becomes of an incoming call. */
export type AnswerDecision =
  | { readonly kind: 'answer' }
  | { readonly kind: 'reject'; readonly reason: 'busy' | 'forbidden' | 'none' }
  /** `target`: raw id of whom it goes to instead. */
  | { readonly kind: 'redirect'; readonly target: string };

/** Decides about a call before it is answered. */
export type AnswerPolicy = (call: IncomingCall) => AnswerDecision | Promise<AnswerDecision>;

const RULE = /^(?:(\+[1-9]\d{1,14})=)?(answer|reject|redirect:([^\s,]{1,512}))$/;

/** Whether a setting can be read; `answerPolicy` throws on one that cannot. */
export const isAnswerPolicy = (setting: string): boolean =>
  setting.split(',').every((rule) => RULE.test(rule.trim()));

/**
 * Reads the setting. The rule of the called number goes before the one without a number, the first of several counts;
 * without either, calls are answered. @throws RangeError
 */
export function answerPolicy(setting: string): AnswerPolicy {
  const byNumber = new Map<string | undefined, AnswerDecision>();
  for (const rule of setting.split(',')) {
    const [whole, number, what, target] = RULE.exec(rule.trim()) ?? [];
    if (whole === undefined) throw new RangeError('a rule of the answer policy cannot be read');
    if (!byNumber.has(number)) byNumber.set(number, decisionOf(what, target));
  }
  return ({ to }) =>
    (to?.phoneNumber === undefined ? undefined : byNumber.get(to.phoneNumber)) ??
    byNumber.get(undefined) ?? { kind: 'answer' };
}

function decisionOf(what: string | undefined, target: string | undefined): AnswerDecision {
  if (target !== undefined) return { kind: 'redirect', target };
  return what === 'reject' ? { kind: 'reject', reason: 'busy' } : { kind: 'answer' };
}
