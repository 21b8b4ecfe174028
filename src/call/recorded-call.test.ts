/**
 * A recorded call, from the bodies that ACS posts through parser, inbox and reducer: in any order, with duplicates and
 * losses, and with what reconciliation says meanwhile and at the end. 12,000 cases.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toCallFact } from '../acs/call-facts.js';
import { parseCallbacks } from '../acs/callbacks.js';
import type { CallFact } from './events.js';
import { expect as expectation } from './expectations.js';
import { Inbox } from './inbox.js';
import { reduce } from './reduce.js';
import { type CallState, initialState, isOver, type Phase } from './state.js';

const CALL = '411f0200-0000-4000-8000-000000000001';
const BEGAN = Date.parse('2026-03-01T10:00:00Z');

/** Type, ms after the call's begin, data: as one call posted them. */
const RECORDED: readonly [string, number, Record<string, unknown>][] = [
  [
    'ParticipantsUpdated',
    900,
    { sequenceNumber: 1, participants: [{ identifier: { rawId: '4:+15550100' } }] },
  ],
  ['CallConnected', 950, { operationContext: 'answer' }],
  [
    'MediaStreamingStarted',
    1_100,
    { mediaStreamingUpdate: { mediaStreamingStatus: 'mediaStreamingStarted' } },
  ],
  ['TranscriptionStarted', 1_200, { transcriptionUpdate: { transcriptionStatus: 'transcriptionStarted' } }],
  [
    'ParticipantsUpdated',
    1_500,
    {
      sequenceNumber: 2,
      participants: [{ identifier: { rawId: '4:+15550100' } }, { identifier: { rawId: '8:acs:b' } }],
    },
  ],
  ['PlayStarted', 2_000, { operationContext: 'play-1' }],
  ['PlayCompleted', 4_000, { operationContext: 'play-1' }],
  ['RecordingStateChanged', 4_500, { recordingId: 'r', state: 'active' }],
  ['MediaStreamingFailed', 6_000, { resultInformation: { code: 400, subCode: 8581, message: '' } }],
  [
    'MediaStreamingStarted',
    7_000,
    { mediaStreamingUpdate: { mediaStreamingStatus: 'mediaStreamingStarted' } },
  ],
  ['ContinuousDtmfRecognitionToneReceived', 8_000, { tone: 'one', sequenceId: 1 }],
  ['Unheard.Of', 8_500, {}],
  ['AddParticipantFailed', 9_000, { operationContext: 'add-1' }],
  [
    'ParticipantsUpdated',
    9_500,
    { sequenceNumber: 3, participants: [{ identifier: { rawId: '4:+15550100' } }] },
  ],
  ['RecordingStateChanged', 9_800, { recordingId: 'r', state: 'inactive' }],
  ['TranscriptionStopped', 9_900, {}],
  ['MediaStreamingStopped', 9_950, {}],
  [
    'CallDisconnected',
    10_000,
    { resultInformation: { code: 200, subCode: 0, message: 'The conversation has ended.' } },
  ],
];

const FACTS: readonly CallFact[] = RECORDED.map(([type, atMs, data], index) => {
  const body = JSON.stringify([
    {
      id: `event-${index}`,
      source: `calling/callConnections/${CALL}`,
      type: `Microsoft.Communication.${type}`,
      data: { ...data, callConnectionId: CALL },
      time: new Date(BEGAN + atMs).toISOString(),
      specversion: '1.0',
    },
  ]);
  const parsed = parseCallbacks(Buffer.from(body));
  const fact = parsed.malformed ? undefined : parsed.facts[0];
  if (!fact) throw new Error(`the recording holds an unusable ${type}`);
  return toCallFact(fact, BEGAN);
});
const CONNECTED = RECORDED.findIndex(([type]) => type === 'CallConnected');
const UNKNOWN = RECORDED.findIndex(([type]) => type === 'Unheard.Of');
const END = FACTS.length - 1;
const RANK: Readonly<Record<Phase, number>> = { connecting: 0, connected: 1, disconnected: 2, ended: 3 };

/** An answer of GET properties that came between the events; it may have been asked long before. */
const reconciled = (
  found: 'connecting' | 'connected' | 'disconnected',
  index: number,
  atMs: number,
): CallFact => ({
  kind: 'reconciled',
  id: `reconciled-${index}`,
  atMs,
  found,
});

interface Run {
  readonly state: CallState;
  readonly finishes: number;
}

/** `expect` is too slow for a million looks. */
function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`impossible: ${what}`);
}

/** Feeds facts through the inbox, and looks at every state on the way. */
function run(facts: readonly CallFact[]): Run {
  const inbox = new Inbox();
  let state = initialState();
  let finishes = 0;
  for (const fact of facts) {
    if (!inbox.admit(fact)) continue;
    const before = state;
    const reduced = reduce(before, fact);
    state = reduced.state;
    const kinds = reduced.effects.map(({ kind }) => kind).join();
    must(RANK[state.phase] >= RANK[before.phase], 'a phase went back');
    must(
      state.participants.sequence >= before.participants.sequence,
      'older participants replaced newer ones',
    );
    must(
      (state.connectedAtMs ?? 0) <= (before.connectedAtMs ?? Number.MAX_VALUE),
      'connected later than known',
    );
    // Nothing is started again on a call that is over, and an end always asks for the record to be closed.
    must(!isOver(state) || kinds === '' || kinds === 'finish', 'an effect after the end');
    must(!isOver(state) || isOver(before) || kinds === 'finish', 'an end without closing');
    must(!isOver(state) || state.disconnectedAtMs !== undefined, 'an end without a time');
    finishes += kinds === 'finish' ? 1 : 0;
  }
  return { state, finishes };
}

const indices = FACTS.map((_, index) => index);
const story = fc.record({
  lost: fc.subarray(indices),
  doubled: fc.subarray(indices),
  answers: fc.array(
    fc.tuple(
      fc.constantFrom('connecting' as const, 'connected' as const),
      fc.integer({ min: 0, max: 9_999 }),
    ),
    { maxLength: 4 },
  ),
  order: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 50, maxLength: 50 }),
});

describe('a recorded call', () => {
  const ordered = run(FACTS).state;

  it('in order: connected, and over', () => {
    expect(ordered).toMatchObject({
      phase: 'disconnected',
      connectedAtMs: BEGAN + 950,
      disconnectedAtMs: BEGAN + 10_000,
      participants: { count: 0 },
      mediaStreaming: { value: 'stopped' },
      transcription: { value: 'stopped' },
      recording: { value: 'inactive' },
      unknownEvents: 1,
    });
  });

  it('in order, up to its end: participants, streams and recording as the events tell', () => {
    expect(run(FACTS.slice(0, -3)).state).toMatchObject({
      phase: 'connected',
      participants: { sequence: 3, count: 1 },
      mediaStreaming: { value: 'started' },
      transcription: { value: 'started' },
      recording: { value: 'inactive' },
    });
  });

  it('in any order, with duplicates, losses, and stale answers between: the same end', () => {
    let lossless = 0;
    let lossy = 0;
    fc.assert(
      fc.property(story, ({ lost, doubled, answers, order }) => {
        const came = indices.filter((index) => !lost.includes(index));
        const arrived = [
          ...came.flatMap((index) => FACTS[index] ?? []),
          ...doubled.filter((index) => came.includes(index)).flatMap((index) => FACTS[index] ?? []),
          ...answers.map(([found, atMs], index) => reconciled(found, index, BEGAN + atMs)),
        ]
          .map((fact, index) => ({ fact, place: order[index] ?? 0 }))
          .sort((a, b) => a.place - b.place)
          .map(({ fact }) => fact);
        const before = run(arrived).state;
        // The end was lost: the owner notices that something is missing, asks, and is told.
        if (!isOver(before)) {
          const { missing } = expectation(
            {
              phase: before.phase,
              bornAtMs: BEGAN,
              ...(before.connectedAtMs === undefined ? {} : { connectedAtMs: before.connectedAtMs }),
              attached: true,
              lastSignAtMs: BEGAN + 10_000,
              asked: { count: 0, atMs: 0 },
            },
            BEGAN + 70_001,
          );
          expect(missing).toBeDefined();
        }
        const last = [...arrived, reconciled('disconnected', 99, BEGAN + 70_001)];
        const { state, finishes } = run(last);
        expect(finishes).toBeGreaterThanOrEqual(1);
        // The final state of the ordered call; what only a lost event told is all that may be missing.
        expect(state).toEqual({
          ...ordered,
          connectedAtMs: lost.includes(CONNECTED) ? undefined : ordered.connectedAtMs,
          unknownEvents: lost.includes(UNKNOWN) ? 0 : ordered.unknownEvents,
          ...(lost.includes(END)
            ? {
                disconnectedAtMs: state.disconnectedAtMs,
                end: { code: 0, subCode: 0, by: state.end?.by, inferred: true },
              }
            : {}),
        });
        if (lost.length === 0) lossless += 1;
        else lossy += 1;
      }),
      { numRuns: 12_000 },
    );
    expect(lossless).toBeGreaterThan(0);
    expect(lossy).toBeGreaterThanOrEqual(10_000);
  }, 180_000);
});
