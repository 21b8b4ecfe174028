/** Words that cross from one worker to another arrive once it is known where, and under one id however often they are sent. */
import { expect, it, vi } from 'vitest';
import type { Located } from '../actors/call-messages.js';
import { TranscriptRelay } from './relay.js';
import type { Heard } from './session-services.js';

const words = (id: string): Heard => ({ id, text: id, startedAtMs: 1, endedAtMs: 2, final: true });
const at = (workerUrl: string): { ok: true } & Located => ({
  ok: true,
  workerId: 'w',
  workerUrl,
  mediaEpoch: 1,
});

function world(answers: boolean[], local: () => boolean = () => false) {
  const sent: { to: string; id: string }[] = [];
  const located = [at('http://old'), at('http://new')];
  const lost = vi.fn();
  const relay = new TranscriptRelay('call', {
    deliver: local,
    locate: async () => located.shift() ?? at('http://new'),
    forward: async (to, _callId, { id }) => {
      sent.push({ to, id });
      return answers.shift() ?? true;
    },
    lost,
  });
  return { relay, sent, lost };
}

it('what had no answer in time is sent again as the same words, where the call is by then', async () => {
  const { relay, sent, lost } = world([false, true]);
  relay.push(words('a'));
  await relay.close();
  expect(sent).toEqual([
    { to: 'http://old', id: 'a' },
    { to: 'http://new', id: 'a' },
  ]);
  expect(lost).not.toHaveBeenCalled();
});

it('in order, also when the first ones wait', async () => {
  const { relay, sent } = world([false, true, true]);
  relay.push(words('a'));
  relay.push(words('b'));
  await relay.close();
  expect(sent.map(({ id }) => id)).toEqual(['a', 'a', 'b']);
});

it('a session that let go of the call does not swallow them', async () => {
  const here = vi.fn(() => false);
  const { relay, sent } = world([true], here);
  relay.located('http://other');
  relay.push(words('a'));
  await relay.close();
  expect(here).toHaveBeenCalled();
  expect(sent).toEqual([{ to: 'http://other', id: 'a' }]);
});
