import { describe, expect, it } from 'vitest';
import { NO_FAULTS, parseFaults } from './grammar.js';

describe('the grammar of faults', () => {
  it('reads probabilities, filters, waits and times', () => {
    const faults = parseFaults(
      'duplicate=0.1, reorder=0.3:10-20,drop.CallConnected=1,drop=0.05,error503=0.02,retryAfter=0,socketCut@5000,' +
        'socketCut@9000,halfOpen@100,slowReader,garbageFrame=0.01,hangUp@700,onBreak=reconnect,invite=never,' +
        'token.expired=0.5,mediaFail=0.2,error500after.answerCall=1,noAnswer.rejectCall=1',
    );
    expect(faults).toMatchObject({
      duplicate: [{ p: 0.1, only: undefined, wait: { minMs: 0, maxMs: 500 } }],
      reorder: [{ p: 0.3, wait: { minMs: 10, maxMs: 20 } }],
      drop: [
        { p: 1, only: 'callconnected' },
        { p: 0.05, only: undefined },
      ],
      error503: [{ p: 0.02 }],
      error500after: [{ p: 1, only: 'answercall' }],
      noAnswer: [{ p: 1, only: 'rejectcall' }],
      retryAfterSeconds: 0,
      socketCutAtMs: [5000, 9000],
      halfOpenAtMs: 100,
      slowReaderAtMs: 0,
      garbageFrame: 0.01,
      hangUpAtMs: 700,
      onBreak: 'reconnect',
      invite: 'never',
      mediaFail: 0.2,
      tokens: [{ fault: 'expired', p: 0.5 }],
    });
  });

  it('has a fault for nothing', () => {
    expect(parseFaults('')).toEqual(NO_FAULTS);
    expect(parseFaults(' , ')).toMatchObject({ drop: [], onBreak: 'silent' });
  });

  it.each([
    'nonsense=1',
    'drop=2',
    'drop=-1',
    'drop=',
    'drop=x',
    'duplicate=0.1:fast',
    'socketCut',
    'socketCut@x',
    'onBreak=sometimes',
    'invite',
    'token=1',
    'token.strange=1',
    'drop=0.1=2',
  ])('refuses %s', (text) => {
    expect(() => parseFaults(text)).toThrow(expect.objectContaining({ code: 'RTV_SIM_FAULTS_INVALID' }));
  });
});
