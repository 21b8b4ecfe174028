import { describe, expect, it } from 'vitest';
import type { HeardView } from '../../src/simulator/control/views.js';
import {
  hadSocketAt,
  heardAgainAfter,
  longestSilence,
  repliesWithin,
  unansweredWithin,
  withoutSocket,
} from './far-end.js';

const view = (heard: Partial<HeardView>): HeardView => ({
  state: 'connected',
  connectedAt: 1_000,
  sockets: [],
  voice: [],
  turns: [],
  staleFrames: 0,
  overlapFrames: 0,
  ...heard,
});
const socket = (number: number, openedAt: number, rest: object = {}) => ({
  ...{ number, openedAt, frames: 1, voiceFrames: 1 },
  ...rest,
});
const said = (startedMs: number, endedMs: number, rest: object = {}) => ({
  ...{ role: 'user' as const, text: 'x', startedMs, endedMs },
  ...rest,
});

describe('after a worker is gone', () => {
  it('the agent is heard again with the first sound of a later socket', () => {
    const heard = view({
      sockets: [socket(1, 1_100, { firstVoiceAt: 1_200 }), socket(2, 7_000, { firstVoiceAt: 7_300 })],
      voice: [
        [1_250, 5_100],
        [7_350, 9_000],
      ],
    });
    expect(heardAgainAfter(5_000, heard)).toBe(2_350);
  });

  it('not before that socket brought a sound', () => {
    const sockets = [socket(1, 1_100, { firstVoiceAt: 1_200 }), socket(2, 7_000)];
    expect(heardAgainAfter(5_000, view({ sockets, voice: [[1_250, 5_100]] }))).toBeUndefined();
  });

  it('a call is met by it where it had a socket', () => {
    const heard = view({ sockets: [socket(1, 1_100, { closedAt: 2_000 }), socket(2, 3_000)] });
    expect([1_000, 1_500, 2_500, 3_500].map((at) => hadSocketAt(at, heard))).toEqual([
      false,
      true,
      false,
      true,
    ]);
  });
});

describe('a planned move', () => {
  const sockets = [
    socket(1, 1_100, { firstVoiceAt: 1_200, lastVoiceAt: 5_000, closedAt: 5_200 }),
    socket(2, 5_600, { firstVoiceAt: 5_700 }),
  ];

  it('in the middle of a reply costs the time between two sounds', () => {
    expect(longestSilence(0, 10_000, view({ sockets }))).toBe(700);
    expect(withoutSocket(0, 10_000, view({ sockets }))).toEqual([400]);
  });

  it('while the caller speaks costs what the reply waits longer', () => {
    const turns = [said(4_100, 4_500, { finalToFirstFrameMs: 90 })];
    expect(longestSilence(0, 10_000, view({ sockets, turns }))).toBe(90);
  });

  it('costs nothing outside of the time that is looked at', () => {
    expect(longestSilence(0, 4_000, view({ sockets }))).toBe(0);
  });
});

describe('turns of the caller', () => {
  it('are found by when they ended', () => {
    const turns = [
      said(0, 500, { finalToFirstFrameMs: 10 }),
      said(600, 900, { finalToFirstFrameMs: 20 }),
      said(1_000, 1_200, { noReply: true }),
    ];
    expect(repliesWithin(1_800, 3_000, view({ turns }))).toEqual([20]);
    expect(unansweredWithin(1_800, 3_000, view({ turns }))).toBe(1);
  });
});
