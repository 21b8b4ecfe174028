import { describe, expect, it } from 'vitest';
import { ArchiveRoom } from './archive-room.js';
import type { TurnDocument } from './documents.js';
import { weightOf } from './lane.js';

const turn = (seq: number, bytes = 100): TurnDocument => ({
  id: `call-${seq}`,
  sessionId: 'call',
  incarnation: 'i1',
  seq,
  turnId: `t${seq}`,
  role: 'user',
  agent: 'a',
  startedAt: '2026-03-10T12:00:00.000Z',
  endedAt: '2026-03-10T12:00:01.000Z',
  mediaEpoch: 1,
  turnNo: seq,
  interrupted: false,
  transcript: 'x'.repeat(bytes),
  schema: 1,
});

describe('the room of the archiver', () => {
  it('is bounded in number and weight, and takes one document however large', () => {
    const weight = weightOf(turn(1));
    const few = new ArchiveRoom({ documents: 2, bytes: 1e9 });
    const light = new ArchiveRoom({ documents: 100, bytes: 2 * weight });
    expect(light.fits(turn(1, 1e6))).toBe(true);
    for (const room of [few, light]) {
      room.take(turn(1), 0);
      expect(room.fits(turn(2))).toBe(true);
      room.take(turn(2), 0);
      expect(room.fits(turn(3))).toBe(false);
    }
  });

  it('is there again for what left, and tells how much waits and since when', () => {
    const told: [number, number][] = [];
    const room = new ArchiveRoom({ documents: 1, bytes: 1e9 }, (...waits) => told.push(waits));
    const doc = turn(1);
    room.take(doc, 7);
    expect([room.documents, room.bytes, room.since(doc)]).toEqual([1, weightOf(doc), 7]);
    room.leave(doc);
    expect(told).toEqual([[0, 0]]);
    expect(room.fits(turn(2))).toBe(true);
  });
});
