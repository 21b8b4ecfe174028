import { describe, expect, it } from 'vitest';
import { answerPolicy, isAnswerPolicy } from './answer-policy.js';
import type { IncomingCall } from './incoming.js';

const callTo = (number?: string): IncomingCall => ({
  eventId: 'e',
  correlationId: 'c',
  incomingCallContext: 'x',
  ...(number ? { to: { rawId: `4:${number}`, kind: 'phoneNumber', phoneNumber: number } } : {}),
});
const REJECT = { kind: 'reject', reason: 'busy' };
const AWAY = { kind: 'redirect', target: '4:+15550123' };

describe('the answer policy', () => {
  it.each<[string, string | undefined, object]>([
    ['answer', '+15550199', { kind: 'answer' }],
    ['reject', '+15550199', REJECT],
    ['redirect:4:+15550123', undefined, AWAY],
    ['+15550198=reject', '+15550198', REJECT],
    ['+15550198=reject', '+15550199', { kind: 'answer' }],
    ['+15550198=reject', undefined, { kind: 'answer' }],
    ['reject, +15550198=redirect:4:+15550123', '+15550198', AWAY],
    ['reject, +15550198=redirect:4:+15550123', '+15550199', REJECT],
    ['+15550198=answer,reject', '+15550198', { kind: 'answer' }],
    ['+15550198=answer,+15550198=reject', '+15550198', { kind: 'answer' }],
  ])('%s, called %s', (setting, number, decision) => {
    expect(isAnswerPolicy(setting)).toBe(true);
    expect(answerPolicy(setting)(callTo(number))).toEqual(decision);
  });

  it.each([
    '',
    'answer,',
    'hang up',
    'redirect:',
    'redirect:a b',
    '15550198=reject',
    '+15550198=',
    '=reject',
  ])('refuses %j', (setting) => {
    expect(isAnswerPolicy(setting)).toBe(false);
    expect(() => answerPolicy(setting)).toThrow(RangeError);
  });
});
