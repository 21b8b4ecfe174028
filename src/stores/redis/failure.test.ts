import { describe, expect, test } from 'vitest';
import { classify, isServerCondition, mayPass, RedisFailure } from './failure.js';

function replyError(message: string): Error {
  const error = new Error(message);
  error.name = 'ReplyError';
  return Object.assign(error, { command: { name: 'set', args: ['key', '+4915155500000'] } });
}

describe('classify', () => {
  test('a reply of the server is definite, with its first word', () => {
    for (const reply of ['WRONGTYPE', 'OOM', 'READONLY', 'LOADING', 'NOAUTH', 'MISCONF', 'MOVED', 'STALE']) {
      expect(classify(replyError(`${reply} and so on`), 'set')).toMatchObject({
        kind: 'refused',
        code: 'RTV_REDIS_REFUSED',
        operation: 'set',
        reply,
      });
    }
  });

  test('what was never sent is unavailable, what lost its answer is unknown', () => {
    const unavailable = [
      "Stream isn't writeable and enableOfflineQueue options is false",
      "Cluster isn't ready and enableOfflineQueue options is false",
      'None of startup nodes is available',
    ];
    for (const message of unavailable) expect(classify(new Error(message), 'get')?.kind).toBe('unavailable');
    const unknown = [
      'Connection is closed.',
      'Reached the max retries per request limit (which is 0). Refer to "maxRetriesPerRequest" option for details.',
      'Command aborted due to connection close',
      'read ECONNRESET',
    ];
    for (const message of unknown) expect(classify(new Error(message), 'get')?.kind).toBe('unknown');
  });

  test('errors of the caller’s own code are not Redis’s', () => {
    const own = Object.assign(new Error('mine'), { code: 'RTV_JOURNAL_GAP' });
    for (const error of [new TypeError('x'), new RangeError('x'), own, 'text', undefined]) {
      expect(classify(error, 'get')).toBeUndefined();
    }
  });

  test('nothing of the command’s arguments is kept', () => {
    const messages = [
      "ERR unknown command 'x', with args beginning with: '+4915155500000' ",
      'ERR syntax error near "+4915155500000"',
      'WRONGTYPE +4915155500000',
    ];
    for (const message of messages) {
      const failure = classify(replyError(message), 'set');
      expect(`${failure?.message}${JSON.stringify(failure)}${String(failure?.cause)}`).not.toContain('555');
    }
  });

  test('conditions of the server are told from faults of the command', () => {
    const of = (reply: string) => classify(replyError(`${reply} x`), 'set') as RedisFailure;
    expect(['OOM', 'READONLY', 'LOADING', 'MISCONF'].map((r) => isServerCondition(of(r)))).toEqual(
      Array(4).fill(true),
    );
    expect(isServerCondition(of('WRONGTYPE'))).toBe(false);
    expect([of('LOADING'), of('OOM'), of('WRONGTYPE')].map(mayPass)).toEqual([true, false, false]);
    expect(mayPass(new RedisFailure('unknown', 'RTV_REDIS_DEADLINE', 'get', ''))).toBe(false);
    expect(mayPass(new RedisFailure('unknown', 'RTV_REDIS_CONNECTION_LOST', 'get', ''))).toBe(true);
  });
});
