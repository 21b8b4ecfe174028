import { describe, expect, it } from 'vitest';
import { ReplyMeter } from './reply-meter.js';

describe('figures of replies', () => {
  it('go with the turn of the reply, once', () => {
    const meter = new ReplyMeter();
    meter.begin();
    meter.stage('agent', 80.123);
    meter.stage('agent', 900);
    meter.used({ tokensIn: 10, tokensOut: 2 });
    meter.used({ tokensIn: 5, tokensOut: 1 });
    expect(meter.take()).toEqual({ usage: { tokensIn: 15, tokensOut: 3 }, stages: { agent: 80.1 } });
    expect(meter.take()).toBeUndefined();
  });

  it('of a reply that became no turn: what it used waits for the next turn, its times do not', () => {
    const meter = new ReplyMeter();
    meter.begin();
    meter.stage('agent', 80);
    meter.used({ tokensIn: 10, tokensOut: 2 });
    meter.begin();
    expect(meter.take()).toEqual({ usage: { tokensIn: 10, tokensOut: 2 } });
  });

  it('are left out where they are none', () => {
    const meter = new ReplyMeter();
    meter.used({ tokensIn: Number.NaN, tokensOut: 2 });
    expect(meter.take()).toBeUndefined();
  });
});
