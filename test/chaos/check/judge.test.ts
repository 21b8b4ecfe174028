/** The checker finds what is planted, each fault of a record alone, and nothing in a record without fault. */
import { describe, expect, it } from 'vitest';
import type { Evidence, SeenTurn, StoredTurn } from './evidence.js';
import { judge, type Verdict } from './judge.js';

const CALL = 'call-1';
const LIFE = '0001';

const seen = (number: number, over: Partial<SeenTurn> = {}): SeenTurn => ({
  callId: CALL,
  turnId: `turn-${number}`,
  role: number % 2 === 0 ? 'user' : 'agent',
  text: `words ${number}`,
  incarnation: LIFE,
  mediaEpoch: 1,
  turnNo: number,
  worker: 1,
  askedMs: number * 100,
  answeredMs: number * 100 + 10,
  durable: true,
  ...over,
});

const stored = (number: number, over: Partial<StoredTurn> = {}): StoredTurn => ({
  callId: CALL,
  documentId: `${CALL}-${LIFE}-${number}`,
  incarnation: LIFE,
  seq: number,
  turnId: `turn-${number}`,
  role: number % 2 === 0 ? 'user' : 'agent',
  mediaEpoch: 1,
  turnNo: number,
  ...over,
});

/** A call of four turns, two of them the caller's, in which everything went well. */
const good: Evidence = {
  calls: [
    {
      callId: CALL,
      placedMs: 0,
      answered: true,
      outcome: 'completed',
      endedBy: 'caller',
      endedMs: 1_000,
      said: ['words 2', 'words 4'],
      heard: 2,
      moments: [],
    },
  ],
  turns: [1, 2, 3, 4].map((number) => seen(number)),
  stored: [1, 2, 3, 4].map((number) => stored(number)),
  summaries: [{ callId: CALL, incarnation: LIFE, turns: 4, firstSeq: 1, lastSeq: 4 }],
  endStates: [{ callId: CALL, phase: 'ended', sessionSeq: 4, contextThrough: 4 }],
  transcripts: [
    {
      callId: CALL,
      complete: true,
      turns: [1, 2, 3, 4].map((number) => ({
        turnId: `turn-${number}`,
        role: number % 2 === 0 ? 'user' : 'agent',
        text: `words ${number}`,
      })),
    },
  ],
  reminders: [
    { callId: CALL, what: 'registered', atMs: 50, ok: true },
    { callId: CALL, what: 'fired', atMs: 15_050, ok: true },
    { callId: CALL, what: 'removed', atMs: 20_000, ok: true },
  ],
  leftOvers: { keys: [], indexEntries: [], reminders: [], actors: 0, expiring: {} },
  faults: [
    { kind: 'app', worker: 1, atMs: 150, overMs: 700 },
    { kind: 'redis', atMs: 250, overMs: 800 },
    { kind: 'app', worker: 2, atMs: 350, overMs: 900 },
  ],
};

const verdictOn = (change: Partial<Evidence>): Verdict => judge({ ...good, ...change });
const kinds = (verdict: Verdict): string[] => verdict.complaints.map(({ kind }) => kind);

it('a record without fault has no complaint', () => {
  const verdict = judge(good);
  expect(verdict.complaints).toEqual([]);
  expect(verdict).toMatchObject({
    calls: 1,
    answered: 1,
    outcomes: { completed: 1 },
    faults: { app: 2, redis: 1 },
    acknowledged: 4,
    lost: 0,
    doubled: 0,
    disordered: 0,
    unfinished: 0,
    leftOver: { keys: 0, indexEntries: 0, reminders: 0, actors: 0 },
    words: { transcripts: 1, wrong: 0, misplaced: 0, unrecorded: 0 },
    contexts: { compared: 1, wrong: 0 },
    reminders: { registered: 1, fired: 1, lost: 0, longestGapMs: 15_000 },
  });
});

describe('lost', () => {
  it('an acknowledged turn in no document', () => {
    const verdict = verdictOn({ stored: good.stored.slice(0, 3), summaries: [summaryOf(3)], endStates: [] });
    expect(verdict.lost).toBe(1);
    expect(verdict.complaints[0]).toMatchObject({ kind: 'lost', callId: CALL, turnId: 'turn-4' });
  });

  it('a document under another call is none', () => {
    const moved = good.stored.map((turn) => (turn.seq === 4 ? { ...turn, callId: 'call-2' } : turn));
    expect(verdictOn({ stored: moved }).lost).toBe(1);
  });

  it('acknowledged once is acknowledged, whatever was answered before and after', () => {
    const turns = [
      ...good.turns.slice(0, 3),
      seen(4, { durable: false }),
      seen(4, { answeredMs: 450 }),
      seen(4, { durable: false, refused: 'RTV_FENCED_MEDIA', answeredMs: 500 }),
    ];
    const verdict = verdictOn({
      turns,
      stored: good.stored.slice(0, 3),
      summaries: [summaryOf(3)],
      endStates: [],
    });
    expect(verdict).toMatchObject({ acknowledged: 4, lost: 1 });
  });

  it('a turn that was never acknowledged may be missing', () => {
    const turns = [
      ...good.turns.slice(0, 3),
      seen(4, { durable: false }),
      { ...seen(5), durable: false, refused: 'no answer' },
    ];
    const verdict = verdictOn({
      turns,
      stored: good.stored.slice(0, 3),
      summaries: [summaryOf(3)],
      endStates: [],
    });
    expect(verdict).toMatchObject({ acknowledged: 3, lost: 0, complaints: [] });
  });
});

describe('doubled', () => {
  it('a turn in two documents of one life', () => {
    const verdict = verdictOn({
      stored: [...good.stored, stored(5, { turnId: 'turn-2' })],
      summaries: [summaryOf(5)],
    });
    expect(verdict.doubled).toBe(1);
    expect(verdict.complaints).toContainEqual(
      expect.objectContaining({ kind: 'doubled', turnId: 'turn-2', what: 'in 2 documents' }),
    );
  });

  it('a turn of two lives of the call, acknowledged or not', () => {
    const other = stored(6, { incarnation: '0002', turnId: 'turn-9' });
    const twice = [...good.stored, stored(5, { turnId: 'turn-9' }), other];
    expect(verdictOn({ stored: twice }).doubled).toBe(1);
  });
});

describe('disordered', () => {
  it('a turn before one that was acknowledged before it was offered', () => {
    const swapped = [stored(1), stored(2, { turnId: 'turn-3' }), stored(3, { turnId: 'turn-2' }), stored(4)];
    const verdict = verdictOn({ stored: swapped });
    expect(verdict.disordered).toBe(1);
    expect(verdict.complaints).toContainEqual(
      expect.objectContaining({ kind: 'disordered', turnId: 'turn-3', what: 'stands before turn-2' }),
    );
  });

  it('whichever life of the call wrote it', () => {
    const stray = stored(4, { incarnation: '0002', turnId: 'turn-2' });
    const rest = [stored(1), stored(2, { turnId: 'turn-3' }), stored(3, { turnId: 'turn-4' })];
    // Both turns that followed stand before it now.
    expect(verdictOn({ stored: [...rest, stray] }).disordered).toBe(2);
  });

  it('two turns of one number', () => {
    const second = stored(2, { incarnation: '0002', turnId: 'turn-4' });
    // The number, and turn 4 before turn 3.
    expect(verdictOn({ stored: [stored(1), stored(2), second, stored(3)] }).disordered).toBe(2);
  });

  it('turns that were under way at the same time may stand either way', () => {
    const turns = [
      seen(1),
      seen(2, { askedMs: 200, answeredMs: 320 }),
      seen(3, { askedMs: 300, answeredMs: 310 }),
    ];
    const swapped = [stored(1), stored(2, { turnId: 'turn-3' }), stored(3, { turnId: 'turn-2' })];
    expect(verdictOn({ turns, stored: swapped }).disordered).toBe(0);
  });

  it('a gap in the numbers', () => {
    const verdict = verdictOn({ stored: [stored(1), stored(2), stored(3), stored(5, { turnId: 'turn-4' })] });
    expect(verdict.disordered).toBe(1);
    expect(verdict.complaints).toContainEqual(expect.objectContaining({ what: 'number 4 is 5' }));
  });
});

describe('unfinished', () => {
  it.each([
    ['no summary', { summaries: [] }],
    ['two summaries', { summaries: [summaryOf(4), { ...summaryOf(4), incarnation: '0002' }] }],
    ['a summary that counts other turns than there are', { summaries: [summaryOf(3)] }],
    ['no account of its end', { calls: good.calls.map((call) => ({ ...call, endedMs: undefined })) }],
  ])('%s', (_, change) => {
    const verdict = verdictOn(change);
    expect(verdict.unfinished).toBe(1);
    expect(kinds(verdict)).toContain('unfinished');
  });

  it('a call that nobody answered has no end', () => {
    const calls = good.calls.map((call) => ({ ...call, answered: false }));
    const verdict = verdictOn({
      calls,
      turns: [],
      stored: [],
      summaries: [],
      endStates: [],
      transcripts: [],
      reminders: [],
    });
    expect(verdict).toMatchObject({ answered: 0, unfinished: 0, complaints: [] });
  });
});

describe('left over', () => {
  it('keys, entries, reminders, actors', () => {
    const leftOvers = {
      keys: ['rtvoice:dev:call:call-1:session'],
      indexEntries: ['system:calls:live call-1', 'worker:affinity call-1'],
      reminders: [CALL],
      actors: 2,
      expiring: { 'cache:tts': 9 },
    };
    const verdict = verdictOn({ leftOvers });
    expect(verdict.leftOver).toEqual({ keys: 1, indexEntries: 2, reminders: 1, actors: 2 });
    expect(kinds(verdict).filter((kind) => kind === 'leftOver')).toHaveLength(5);
  });
});

describe('words', () => {
  const withTurns = (turns: Evidence['transcripts'][number]['turns']): Verdict =>
    verdictOn({ transcripts: [{ callId: CALL, complete: true, turns }] });
  const [first, second, third, fourth] = good.transcripts[0]?.turns ?? [];
  const turns = [first, second, third, fourth].flatMap((turn) => turn ?? []);

  it('other words than were acknowledged', () => {
    const changed = turns.map((turn) => (turn.turnId === 'turn-3' ? { ...turn, text: 'something' } : turn));
    expect(withTurns(changed).words).toMatchObject({ wrong: 1, misplaced: 0 });
  });

  it('what the caller never said', () => {
    const more = [...turns, { turnId: 'turn-5', role: 'user', text: 'never' }];
    expect(withTurns(more).words).toMatchObject({ wrong: 1, misplaced: 0 });
  });

  it('what the caller said once, under two ids', () => {
    const more = [...turns, { turnId: 'turn-5', role: 'user', text: 'words 4' }];
    const verdict = withTurns(more);
    expect(verdict.words).toMatchObject({ wrong: 0, misplaced: 1 });
    expect(kinds(verdict)).toEqual(['words']);
  });

  it("the caller's turns in another order than they were said", () => {
    expect(withTurns([...turns].reverse()).words).toMatchObject({ wrong: 0, misplaced: 1 });
  });

  it('what was said and is nowhere is counted, and no complaint: nobody acknowledged it', () => {
    const verdict = verdictOn({
      calls: good.calls.map((call) => ({ ...call, said: [...call.said, 'lost'] })),
    });
    expect(verdict.words.unrecorded).toBe(1);
    expect(verdict.complaints).toEqual([]);
  });
});

describe('sessions and contexts after the end', () => {
  it.each([
    ['a session with fewer turns', { phase: 'ended', sessionSeq: 3, contextThrough: 3 }],
    ['a context that stopped before', { phase: 'ended', sessionSeq: 4, contextThrough: 2 }],
  ])('%s', (_, state) => {
    const verdict = verdictOn({ endStates: [{ callId: CALL, ...state }] });
    expect(verdict.contexts).toEqual({ compared: 1, wrong: 1 });
    expect(kinds(verdict)).toEqual(['context']);
  });

  it('one that was not seen closed is not compared', () => {
    const open = { callId: CALL, phase: 'disconnected', sessionSeq: 1, contextThrough: undefined };
    expect(verdictOn({ endStates: [open] }).contexts).toEqual({ compared: 0, wrong: 0 });
  });
});

describe('reminders', () => {
  const at = (what: 'registered' | 'fired' | 'removed', seconds: number, ok = true) => ({
    callId: CALL,
    what,
    atMs: seconds * 1_000,
    ok,
  });

  it('one that stopped coming', () => {
    const verdict = verdictOn({ reminders: [at('registered', 0), at('fired', 15), at('removed', 120)] });
    expect(verdict.reminders).toMatchObject({ lost: 1, longestGapMs: 105_000 });
    expect(kinds(verdict)).toEqual(['reminder']);
  });

  it('one that came and was not heard', () => {
    const unheard = [30, 45, 60, 75, 90].map((second) => at('fired', second, false));
    const reminders = [at('registered', 0), at('fired', 15), ...unheard, at('removed', 120)];
    expect(verdictOn({ reminders }).reminders).toMatchObject({ fired: 1, lost: 1 });
  });

  it('one of a call that never closed and that nobody removed', () => {
    const verdict = verdictOn({ reminders: [at('registered', 0), at('fired', 15)], summaries: [] });
    expect(verdict.reminders.lost).toBe(1);
  });

  it('registered again, it begins anew', () => {
    const reminders = [at('registered', 0), at('registered', 60), at('fired', 75), at('removed', 90)];
    expect(verdictOn({ reminders }).reminders).toMatchObject({ lost: 0, longestGapMs: 60_000 });
  });
});

function summaryOf(turns: number) {
  return { callId: CALL, incarnation: LIFE, turns, firstSeq: 1, lastSeq: turns };
}
