/** What comes in on a media socket, and from whom it counts. */
import { EventEmitter } from 'node:events';
import { afterEach, expect, it, vi } from 'vitest';
import type { WebSocket } from 'ws';
import { inertSession } from '../../test/support/inert-session.js';
import type { TurnOffer } from '../call/turn.js';
import type { VoiceEar } from './ears.js';
import { SessionRegistry } from './registry.js';
import { serveMedia } from './sockets.js';

const CALLER = '4:+15550100';
const COLLEAGUE = '8:acs:colleague';
const BOT = '28:acs:bot';

/** The part of ws's socket that is used, with messages that a test says came. */
class FakeSocket extends EventEmitter {
  readonly OPEN = 1;
  readonly readyState = 1;
  readonly bufferedAmount = 0;
  send(): void {}
  terminate(): void {}
  close(): void {
    this.emit('close');
  }
}

const sockets: FakeSocket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});

function open() {
  const socket = new FakeSocket();
  sockets.push(socket);
  const sessions = new SessionRegistry();
  const inert = inertSession();
  const turns: TurnOffer[] = [];
  const missing: number[] = [];
  /** Stream times of the frames of each ear. */
  const ears: number[][] = [];
  serveMedia('call', { correlationId: 'c' }, socket as unknown as WebSocket, {
    sessions,
    clock: inert.clock,
    session: {
      ...inert,
      ignored: ['28:'],
      words: { endpoint: { pauseMs: 0 } },
      link: {
        ...inert.link,
        turn: async (callId, at, turnNo, offer) => {
          turns.push(offer);
          return inert.link.turn(callId, at, turnNo, offer);
        },
      },
      voices: { open: () => earOf(ears) },
      metrics: { ...inert.metrics, framesMissing: (frames) => missing.push(frames) },
    },
    relay: {
      deliver: (callId, heard) => sessions.deliver(callId, heard),
      locate: async () => ({ ok: false, code: 'RTV_CALL_UNKNOWN' }),
      forward: async () => false,
      lost: () => undefined,
    },
  });
  const send = (message: object): void => void socket.emit('message', Buffer.from(JSON.stringify(message)));
  return { sessions, turns, ears, missing, send };
}

function earOf(ears: number[][]): VoiceEar {
  const times: number[] = [];
  ears.push(times);
  return {
    ...{ speaking: false, span: { voicedMs: 0, clearMs: 0 } },
    ...{ onSpeechStart: undefined, onVoice: undefined, onSpeechEnd: undefined },
    push: (_frame, atMs) => times.push(atMs),
    close: () => undefined,
  };
}

const audio = (participantRawID: string, number = 0): object => ({
  kind: 'AudioData',
  audioData: {
    timestamp: new Date(1_700_000_000_000 + number * 20).toISOString(),
    participantRawID,
    data: Buffer.alloc(640).toString('base64'),
    silent: false,
  },
});
const tone = (participantRawID: string, data: string): object => ({
  kind: 'DtmfData',
  dtmfData: { data, participantRawID },
});
const words = (participantRawID: string, text: string): object => ({
  kind: 'TranscriptionData',
  transcriptionData: { text, participantRawID, offset: 0, duration: 0, resultStatus: 'Final' },
});

it('each participant has an ear; a bot has none, and does not even open the call', () => {
  const { sessions, ears, send } = open();
  send(audio(BOT));
  expect(sessions.size).toBe(0);
  for (const id of [CALLER, COLLEAGUE, BOT, CALLER]) send(audio(id));
  expect(sessions.size).toBe(1);
  expect(ears).toEqual([[0, 20], [0]]);
});

it('words and keys of a bot are none', async () => {
  const { turns, send } = open();
  send(audio(CALLER));
  for (const key of '66#') send(tone(BOT, key));
  send(words(BOT, 'I am the other bot'));
  for (const key of '12#') send(tone(CALLER, key));
  await vi.waitFor(() => expect(turns).toHaveLength(1));
  send(words(COLLEAGUE, 'hello'));
  await vi.waitFor(() => expect(turns.map(({ text }) => text)).toEqual(['12', 'hello']));
});

it('frames that never came are counted by the timestamps on the wire', () => {
  const { ears, missing, send } = open();
  for (let number = 0; number < 40; number += 1) send(audio(CALLER, number < 20 ? number : number + 4));
  expect(missing).toEqual([4]);
  expect(ears[0]?.at(-1)).toBe(43 * 20);
});
