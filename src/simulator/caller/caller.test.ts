import { describe, expect, it } from 'vitest';
import { Caller } from './caller.js';
import { Ear } from './ear.js';
import { parseScript } from './script.js';
import type { Utterance } from './speech.js';

const SECOND = 50;
const pcm = Buffer.alloc(640, 1);

function utterance(text: string, frames: number): Utterance {
  return { text, frames: Array.from({ length: frames }, () => ({ pcm, base64: '' })) };
}

/** Runs a caller against an agent that speaks in given stretches of frames; returns what happened, and when. */
function play(lines: unknown[], agent: ReadonlyArray<readonly [number, number]>, frames: number): string[] {
  const log: string[] = [];
  const ear = new Ear(35);
  const script = parseScript(lines);
  const caller = new Caller({
    script,
    utterances: script.lines.map((line) =>
      line.say === undefined ? undefined : utterance(line.say, SECOND),
    ),
    ear,
    patienceFrames: 5 * SECOND,
    hooks: {
      speechStarted: (_line, { text }, frame) => log.push(`${frame} says ${text}`),
      speechEnded: (_line, frame) => log.push(`${frame} ends`),
      replyHeard: (_line, frame) => log.push(`${frame} reply`),
      noReply: () => log.push('no reply'),
      key: (tone) => log.push(`key ${tone}`),
      hangUp: () => log.push('hangs up'),
    },
  });
  let spoken = 0;
  for (let frame = 0; frame < frames && !log.includes('hangs up'); frame++) {
    ear.hear(
      frame,
      agent.some(([start, end]) => frame >= start && frame < end),
    );
    if (caller.tick(frame)) spoken += 1;
  }
  log.push(`spoke ${spoken}`);
  return log;
}

describe('the caller', () => {
  it('hears the agent out, speaks, waits for the reply, and hangs up', () => {
    const log = play(
      [{ say: 'a' }, { say: 'b' }],
      [
        [10, 60],
        [180, 230],
        [370, 400],
      ],
      1000,
    );
    expect(log).toEqual([
      '94 says a',
      '144 ends',
      '180 reply',
      '264 says b',
      '314 ends',
      '370 reply',
      'hangs up',
      'spoke 100',
    ]);
  });

  it('does not take a pause between two sentences for the end', () => {
    expect(
      play(
        [{ say: 'a', hangUp: true }],
        [
          [10, 60],
          [90, 120],
        ],
        1000,
      )[0],
    ).toBe('154 says a');
  });

  it('loses patience with a silent agent', () => {
    expect(play([{ say: 'a' }], [], 2000)).toEqual([
      'no reply',
      '250 says a',
      '300 ends',
      'no reply',
      'hangs up',
      'spoke 50',
    ]);
  });

  it('barges in a while after the agent began', () => {
    const log = play([{ say: 'a', bargeInAfterMs: 400, hangUp: true }], [[50, 200]], 500);
    expect(log).toEqual(['70 says a', '120 ends', 'hangs up', 'spoke 50']);
  });

  it('takes what the agent still says of its old turn for no reply', () => {
    // The agent talks on until frame 125, five frames after the caller's end, and answers later.
    const log = play(
      [{ say: 'a', bargeInAfterMs: 400 }],
      [
        [50, 125],
        [150, 170],
      ],
      500,
    );
    expect(log).toContain('150 reply');
    expect(log.filter((line) => line.endsWith('reply'))).toHaveLength(1);
  });

  it('presses keys at a steady pace, waits, and speaks without listening', () => {
    const log = play(
      [{ dtmf: '1#', listen: false }, { waitMs: 1000 }, { say: 'a', listen: false, hangUp: true }],
      [],
      500,
    );
    expect(log.slice(0, 2)).toEqual(['key 1', 'key #']);
    expect(log[2]).toMatch(/^7\d says a$/);
    expect(log.at(-2)).toBe('hangs up');
  });

  it('does nothing more after it has left', () => {
    expect(play([{ hangUp: true, listen: false, waitMs: 0 }], [], 100)).toEqual(['hangs up', 'spoke 0']);
  });
});
