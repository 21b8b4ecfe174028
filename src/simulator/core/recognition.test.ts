import { describe, expect, it } from 'vitest';
import { collectTones, recognizeOptionsSchema } from './recognition.js';

function collector(options: Record<string, unknown>) {
  const target = { phoneNumber: { value: '+15550100' } };
  return collectTones(recognizeOptionsSchema.parse({ targetParticipant: target, ...options }));
}

const never = new AbortController().signal;

describe('recognition', () => {
  it('ends at a stop tone, with the tones before it', async () => {
    const keys = collector({ dtmfOptions: { stopTones: ['Pound'], maxTonesToCollect: 9 } });
    const result = keys.result(never);
    for (const tone of ['one', 'two', 'pound']) keys.tone(tone);
    expect(await result).toMatchObject({
      data: { dtmfResult: { tones: ['one', 'two'] } },
      result: { subCode: 8514 },
    });
  });

  it('takes keys that came during the prompt', async () => {
    const keys = collector({ dtmfOptions: { maxTonesToCollect: 1 } });
    let interrupted = false;
    keys.onFirst(() => {
      interrupted = true;
    });
    keys.tone('nine');
    expect(interrupted).toBe(true);
    expect(await keys.result(never)).toMatchObject({ data: { dtmfResult: { tones: ['nine'] } } });
  });

  it('ends when the next key does not come', async () => {
    const keys = collector({ dtmfOptions: { maxTonesToCollect: 4, interToneTimeoutInSeconds: 0.02 } });
    const result = keys.result(never);
    keys.tone('one');
    expect(await result).toEqual({ kind: 'interTone' });
  });

  it('takes free speech, a choice by key, and ends in silence or when cancelled', async () => {
    const speech = collector({ speechOptions: {} });
    const said = speech.result(never);
    speech.speech('My car was hit.');
    expect(await said).toMatchObject({
      data: { recognitionType: 'speech', speechResult: { speech: 'My car was hit.' } },
    });

    const choice = collector({ choices: [{ label: 'Yes', phrases: ['yes'], tone: 'one' }] });
    const chosen = choice.result(never);
    choice.speech('perhaps');
    choice.tone('one');
    expect(await chosen).toMatchObject({ data: { choiceResult: { label: 'Yes' } } });

    expect(await collector({ initialSilenceTimeoutInSeconds: 0.01 }).result(never)).toEqual({
      kind: 'silence',
    });
    expect(await collector({}).result(AbortSignal.abort())).toEqual({ kind: 'cancelled' });
  });
});
