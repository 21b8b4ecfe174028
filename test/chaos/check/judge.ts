/** The verdict on a run. Pure: evidence in, counts and complaints out. */
import type {
  CallersAccount,
  Evidence,
  ReadTranscript,
  SeenTurn,
  StoredSummary,
  StoredTurn,
} from './evidence.js';
import { judgeReminders, type ReminderVerdict } from './reminders.js';

export type ComplaintKind =
  | 'lost'
  | 'doubled'
  | 'disordered'
  | 'unfinished'
  | 'leftOver'
  | 'context'
  | 'words'
  | 'reminder';

/** One thing that is wrong. Ids only. */
export interface Complaint {
  readonly kind: ComplaintKind;
  readonly callId?: string;
  readonly turnId?: string;
  readonly what: string;
}

export interface Verdict {
  readonly calls: number;
  readonly answered: number;
  readonly outcomes: Readonly<Record<string, number>>;
  /** By kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** Turns that a proxy saw answered 200 with `durable: true`. */
  readonly acknowledged: number;
  /** Of them: in no document. */
  readonly lost: number;
  /** Turns in more than one document. */
  readonly doubled: number;
  /** Turns that stand before one that was acknowledged before they were offered; gaps in the numbers. */
  readonly disordered: number;
  /** Calls that were answered and have no end state, or one that does not fit their turns. */
  readonly unfinished: number;
  readonly leftOver: {
    readonly keys: number;
    readonly indexEntries: number;
    readonly reminders: number;
    readonly actors: number;
  };
  /** Second check, through the reading API and with the words. */
  readonly words: {
    readonly transcripts: number;
    /** Turns that were acknowledged with other words, or that the caller never said. */
    readonly wrong: number;
    /** The caller's turns that stand there twice, or before what was said before. */
    readonly misplaced: number;
    /** What callers said and no acknowledged turn holds, nor any other: no promise covers it. */
    readonly unrecorded: number;
  };
  /** Sessions and contexts that were looked at after a call's end, and those that did not fit the transcript. */
  readonly contexts: { readonly compared: number; readonly wrong: number };
  readonly reminders: ReminderVerdict;
  readonly complaints: readonly Complaint[];
}

export function judge(evidence: Evidence): Verdict {
  const complaints: Complaint[] = [];
  const stored = grouped(evidence.stored);
  const seen = grouped(evidence.turns);
  const summaries = grouped(evidence.summaries);
  const answered = evidence.calls.filter((call) => call.answered);

  for (const [callId, turns] of seen) {
    complaints.push(...lostTurns(callId, turns, stored.get(callId) ?? []));
    complaints.push(...disorderedTurns(callId, turns, stored.get(callId) ?? []));
  }
  for (const [callId, turns] of stored)
    complaints.push(...doubledTurns(callId, turns), ...gaps(callId, turns));
  for (const call of answered) {
    complaints.push(...unfinished(call, stored.get(call.callId) ?? [], summaries.get(call.callId) ?? []));
  }
  const words = judgeWords(evidence, seen, complaints);
  const contexts = judgeContexts(evidence, stored, complaints);
  const reminders = judgeReminders(evidence.reminders, evidence.summaries);
  for (const callId of reminders.lost) complaints.push({ kind: 'reminder', callId, what: 'fired no more' });
  const { leftOvers } = evidence;
  for (const what of [...leftOvers.keys, ...leftOvers.indexEntries])
    complaints.push({ kind: 'leftOver', what });
  for (const callId of leftOvers.reminders) complaints.push({ kind: 'leftOver', callId, what: 'reminder' });
  if (leftOvers.actors > 0)
    complaints.push({ kind: 'leftOver', what: `${leftOvers.actors} actors in memory` });

  const count = (kind: ComplaintKind): number => complaints.filter((one) => one.kind === kind).length;
  return {
    calls: evidence.calls.length,
    answered: answered.length,
    outcomes: tally(evidence.calls.map(({ outcome }) => outcome ?? 'no account')),
    faults: tally(evidence.faults.map(({ kind }) => kind)),
    acknowledged: acknowledgedOf(evidence.turns).size,
    lost: count('lost'),
    doubled: count('doubled'),
    disordered: count('disordered'),
    unfinished: count('unfinished'),
    leftOver: {
      keys: leftOvers.keys.length,
      indexEntries: leftOvers.indexEntries.length,
      reminders: leftOvers.reminders.length,
      actors: leftOvers.actors,
    },
    words,
    contexts,
    reminders: reminders.verdict,
    complaints,
  };
}

/** Acknowledged turn ids, each with the time of its first acknowledgement. */
function acknowledgedOf(turns: readonly SeenTurn[]): Map<string, number> {
  const first = new Map<string, number>();
  for (const { turnId, durable, answeredMs } of turns) {
    if (!durable || answeredMs === undefined) continue;
    first.set(turnId, Math.min(first.get(turnId) ?? answeredMs, answeredMs));
  }
  return first;
}

function lostTurns(callId: string, seen: readonly SeenTurn[], stored: readonly StoredTurn[]): Complaint[] {
  const there = new Set(stored.map(({ turnId }) => turnId));
  return [...acknowledgedOf(seen).keys()]
    .filter((turnId) => !there.has(turnId))
    .map((turnId) => ({ kind: 'lost', callId, turnId, what: 'acknowledged, in no document' }));
}

function doubledTurns(callId: string, stored: readonly StoredTurn[]): Complaint[] {
  return Object.entries(tally(stored.map(({ turnId }) => turnId)))
    .filter(([, documents]) => documents > 1)
    .map(([turnId, documents]) => ({ kind: 'doubled', callId, turnId, what: `in ${documents} documents` }));
}

/** In the order of the transcript: one sequence of numbers a call, whichever of its lives wrote them. */
function inOrder(stored: readonly StoredTurn[]): StoredTurn[] {
  return [...stored].sort((a, b) => a.seq - b.seq);
}

/** A turn that was offered after another one was acknowledged stands after it. */
function disorderedTurns(
  callId: string,
  seen: readonly SeenTurn[],
  stored: readonly StoredTurn[],
): Complaint[] {
  const places = new Map(inOrder(stored).map(({ turnId }, place) => [turnId, place]));
  const offered = new Map<string, number>();
  for (const { turnId, askedMs } of seen)
    offered.set(turnId, Math.min(offered.get(turnId) ?? askedMs, askedMs));
  const acknowledged = acknowledgedOf(seen);
  return [...offered].flatMap(([turnId, offeredMs]): Complaint[] => {
    const place = places.get(turnId);
    if (place === undefined) return [];
    const before = [...acknowledged].find(
      ([earlier, atMs]) => earlier !== turnId && atMs < offeredMs && (places.get(earlier) ?? -1) > place,
    );
    return before ? [{ kind: 'disordered', callId, turnId, what: `stands before ${before[0]}` }] : [];
  });
}

/** Numbers run from 1 without a gap. */
function gaps(callId: string, stored: readonly StoredTurn[]): Complaint[] {
  const seqs = inOrder(stored).map(({ seq }) => seq);
  const wrong = seqs.findIndex((seq, index) => seq !== index + 1);
  if (wrong < 0) return [];
  return [{ kind: 'disordered', callId, what: `number ${wrong + 1} is ${seqs[wrong]}` }];
}

function unfinished(
  call: CallersAccount,
  stored: readonly StoredTurn[],
  summaries: readonly StoredSummary[],
): Complaint[] {
  const { callId } = call;
  const complain = (what: string): Complaint[] => [{ kind: 'unfinished', callId, what }];
  if (call.endedMs === undefined) return complain('its caller gave no account of its end');
  const [summary, ...more] = summaries;
  if (!summary) return complain('no summary');
  if (more.length > 0) return complain(`${summaries.length} summaries`);
  const turns = stored.length;
  if (turns !== summary.turns || summary.lastSeq !== turns) {
    return complain(`the summary counts ${summary.turns} turns, there are ${turns}`);
  }
  return [];
}

function judgeWords(
  evidence: Evidence,
  seen: ReadonlyMap<string, readonly SeenTurn[]>,
  complaints: Complaint[],
): Verdict['words'] {
  const callers = new Map(evidence.calls.map((call) => [call.callId, call]));
  let wrong = 0;
  let misplaced = 0;
  let unrecorded = 0;
  for (const transcript of evidence.transcripts) {
    const call = callers.get(transcript.callId);
    if (!call) continue;
    const complain = (what: string, turnId: string): void => {
      complaints.push({ kind: 'words', callId: call.callId, turnId, what });
    };
    const offered = new Map((seen.get(call.callId) ?? []).map(({ turnId, text }) => [turnId, text]));
    for (const { turnId, text } of transcript.turns) {
      if (!offered.has(turnId) || offered.get(turnId) === text) continue;
      wrong += 1;
      complain('other words than were offered', turnId);
    }
    const spoken = spokenOrder(call, transcript);
    for (const turnId of spoken.invented) complain('the caller did not say that', turnId);
    for (const turnId of spoken.misplaced) complain('said once, and before', turnId);
    wrong += spoken.invented.length;
    misplaced += spoken.misplaced.length;
    unrecorded += spoken.unrecorded;
  }
  return { transcripts: evidence.transcripts.length, wrong, misplaced, unrecorded };
}

/** The caller's turns against what was said: each once, in order; some may be missing. */
function spokenOrder(
  call: CallersAccount,
  transcript: ReadTranscript,
): { invented: string[]; misplaced: string[]; unrecorded: number } {
  const invented: string[] = [];
  const misplaced: string[] = [];
  let next = 0;
  const found = new Set<string>();
  for (const { turnId, role, text } of transcript.turns) {
    if (role !== 'user') continue;
    const place = call.said.indexOf(text);
    if (place < 0) invented.push(turnId);
    else if (place < next) misplaced.push(turnId);
    else next = place + 1;
    found.add(text);
  }
  return { invented, misplaced, unrecorded: call.said.filter((text) => !found.has(text)).length };
}

/** What Redis held of a call after its end is what its transcript holds. */
function judgeContexts(
  evidence: Evidence,
  stored: ReadonlyMap<string, readonly StoredTurn[]>,
  complaints: Complaint[],
): Verdict['contexts'] {
  let compared = 0;
  let wrong = 0;
  for (const { callId, phase, sessionSeq, contextThrough } of evidence.endStates) {
    if (phase !== 'ended' || sessionSeq === undefined) continue;
    compared += 1;
    const turns = inOrder(stored.get(callId) ?? []).at(-1)?.seq ?? 0;
    if (sessionSeq === turns && (contextThrough ?? turns) === turns) continue;
    wrong += 1;
    const what = `session ${sessionSeq}, context ${contextThrough ?? 'none'}, transcript ${turns}`;
    complaints.push({ kind: 'context', callId, what });
  }
  return { compared, wrong };
}

const grouped = <T extends { readonly callId: string }>(all: readonly T[]): Map<string, T[]> =>
  groupedBy(all, ({ callId }) => callId);

function groupedBy<T>(all: readonly T[], key: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const group = groups.get(key(one));
    if (group) group.push(one);
    else groups.set(key(one), [one]);
  }
  return groups;
}

function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
