/** One loss is one restart, whatever echoes come of it. */
import { beforeEach, expect, it } from 'vitest';
import { TranscriptionWatch } from './transcription-watch.js';

let now = 0;
let asked: string[] = [];
let watch: TranscriptionWatch;

beforeEach(() => {
  now = 0;
  asked = [];
  watch = new TranscriptionWatch({
    restart: (stream) => asked.push(stream),
    wake: () => undefined,
    now: () => now,
  });
});

const A = { socketId: 'a', workerId: 'worker-1.x' };
const B = { socketId: 'b', workerId: 'worker-2.y' };

it('a dead worker is told of by ACS, by its peers, and by the echo of the restart: ACS is asked once', () => {
  watch.opened(A);
  expect(watch.lost({ workerId: A.workerId })).toBe(true);
  watch.broken();
  watch.broken();
  expect(watch.lost({ socketId: A.socketId })).toBe(true);
  expect(asked).toEqual(['perhaps']);
  watch.opened(B);
  // Late: the call has another socket by now.
  expect(watch.lost({ workerId: A.workerId })).toBe(false);
  expect(watch.lost({ socketId: A.socketId })).toBe(false);
  watch.broken();
  expect(asked).toEqual(['perhaps']);
});

it('a new socket was there before anybody said that the old one was lost: nothing is restarted', () => {
  watch.opened(A);
  watch.opened(B);
  expect(watch.lost({ workerId: A.workerId })).toBe(false);
  expect(watch.lost({ socketId: A.socketId })).toBe(false);
  expect(asked).toEqual([]);
});

it('the loss of the second is told like that of the first', () => {
  watch.opened(A);
  watch.lost({ socketId: A.socketId });
  watch.opened(B);
  watch.lost({ socketId: B.socketId });
  expect(asked).toEqual(['perhaps', 'perhaps']);
});

it('one that is given away is still active the first time that ACS is asked, and no longer at the next try', () => {
  watch.opened(A);
  watch.lost({ socketId: A.socketId, handOver: true });
  now = 1_100;
  watch.step();
  expect(asked).toEqual(['active', 'perhaps']);
});

it('ACS is asked again at growing intervals until a socket is there', () => {
  watch.opened(A);
  watch.lost({ socketId: A.socketId });
  for (const at of [500, 1_000, 1_500, 3_000, 5_000, 7_000]) {
    now = at;
    watch.step();
  }
  expect(asked).toHaveLength(4);
  watch.opened(B);
  now = 60_000;
  watch.step();
  expect(asked).toHaveLength(4);
});

it('of an actor that moved, which does not know the socket, every loss counts, once', () => {
  watch.broken();
  watch.lost({ socketId: A.socketId });
  expect(asked).toEqual(['perhaps']);
});
