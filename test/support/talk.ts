/** Calls that talk while something is taken away, and what of their records is not as it was said. */
import { revealTranscript } from '../../src/actors/call-record.js';
import { DEFAULT_SCRIPT } from '../../src/agent/scripted.js';
import type { CallResult, Turn } from '../../src/simulator/core/report.js';
import { eventually, type StackView } from './stack.js';

/** Words of their own in each turn, which the agent repeats: a sentence that comes twice shows. */
const words = (call: number, turn: number): string =>
  `My reference is ${[...String(call * 100 + turn)].join(' ')}.`;
const reply = (call: number, turn: number): string =>
  `I have noted: ${words(call, turn)} Is there anything else?`;
/** Replies differ by some digits; with a sentence twice one lasts longer by this at least, ms. */
const TWICE_MS = 900;

export interface Talk {
  readonly call: number;
  readonly turns: number;
  readonly result: CallResult;
}

/** What is wrong with a call; all zero and empty when it went as if nothing had happened. */
export interface Verdict {
  /** It did not come to its own end. */
  readonly ended: number;
  /** Turns of the record, and sentences that the caller heard, beyond what was to be said. */
  readonly repeated: number;
  /** Turns that were said and are not in the record, and replies that the caller did not hear. */
  readonly lost: number;
  /** Turns of the record that stand before one that was said earlier. */
  readonly disordered: number;
  readonly complaints: readonly string[];
}

let placed = 10;

/** Places calls of so many turns each. `during` runs once each call has said `ready` turns. */
export async function talk(
  view: StackView,
  options: {
    readonly calls: number;
    readonly turns: number;
    readonly ready: number;
    readonly signal?: AbortSignal;
  },
  during: () => Promise<void>,
): Promise<Talk[]> {
  const { calls, turns, ready, signal } = options;
  const said = new Map<number, number>();
  const talks = Array.from({ length: calls }, async (): Promise<Talk> => {
    placed += 1;
    const call = placed;
    const script = Array.from({ length: turns }, (_, turn) => ({
      say: 'My reference number.',
      text: words(call, turn),
    }));
    const result = await view.place(
      { script, seed: call, patienceMs: 30_000, latency: 'none' },
      (progress) => {
        // An agent's turn is told when it ends; the first is the greeting.
        if (progress.event === 'turn' && (progress.turn as Turn).role === 'agent')
          said.set(call, (said.get(call) ?? -1) + 1);
      },
      signal,
    );
    return { call, turns, result };
  });
  const all = Promise.all(talks);
  const begun = eventually(
    'all calls talk',
    () => said.size === calls && [...said.values()].every((count) => count >= ready),
    180_000,
  );
  // A call that fails is reported as such, not as one that does not talk.
  await Promise.race([begun, all.then(() => undefined)]);
  await during();
  return all;
}

/** Compares what was said with what the record and the caller's ear have. */
export async function judgeTalks(view: StackView, talks: readonly Talk[]): Promise<Verdict[]> {
  const lengths = talks.flatMap(({ result }) => repliesOf(result).map(lengthOf)).sort((a, b) => a - b);
  const usual = lengths[Math.floor(lengths.length / 2)] ?? 0;
  return Promise.all(talks.map((one) => judge(view, one, usual)));
}

async function judge(view: StackView, { call, turns, result }: Talk, usualMs: number): Promise<Verdict> {
  const expected = [DEFAULT_SCRIPT.greeting];
  for (let turn = 0; turn < turns; turn += 1) expected.push(words(call, turn), reply(call, turn));
  const recorded = await recordedTurns(view, call, result.callConnectionId);
  const complaints: string[] = [];
  const say = (what: string): void => void complaints.push(`call ${call}: ${what}`);

  if (result.outcome !== 'completed') say(`ended as ${result.outcome} (${result.detail ?? 'no detail'})`);
  const extra = recorded.filter((line, at) => recorded.indexOf(line) !== at || !expected.includes(line));
  for (const line of extra) say(`recorded beyond what was said: "${line}"`);
  const missing = expected.filter((line) => !recorded.includes(line));
  for (const line of missing) say(`not recorded: "${line}"`);
  const places = recorded.map((line) => expected.indexOf(line)).filter((place) => place >= 0);
  const disordered = places.filter((place, at) => at > 0 && place < (places[at - 1] ?? 0)).length;
  if (disordered > 0) say(`${disordered} turns out of order`);

  const replies = repliesOf(result);
  if (result.noReplies > 0) say(`${result.noReplies} replies not heard`);
  if (replies.length > turns) say(`${replies.length} replies heard, not ${turns}`);
  // Silence within a reply (the agent without a voice) is no repetition.
  const long = replies.filter((one) => lengthOf(one) - result.audio.gapMs > usualMs + TWICE_MS);
  for (const one of long) say(`a reply of ${lengthOf(one)} ms, others have ${usualMs}`);
  return {
    ended: result.outcome === 'completed' ? 0 : 1,
    repeated: extra.length + Math.max(0, replies.length - turns) + long.length,
    lost: missing.length + result.noReplies,
    disordered,
    complaints,
  };
}

async function recordedTurns(view: StackView, call: number, callId: string): Promise<string[]> {
  const { turns } = await eventually(
    `the record of call ${call} is closed`,
    async () => {
      const transcript = await view.transcript(callId);
      return transcript.summaries.length > 0 && transcript;
    },
    120_000,
    1_000,
  );
  return turns.map(({ turnId, transcript }) => revealTranscript(view.seal, callId, turnId, transcript));
}

/** All of the agent's turns that the caller heard but the greeting. */
const repliesOf = ({ turns }: CallResult): Turn[] => turns.filter(({ role }) => role === 'agent').slice(1);
const lengthOf = ({ startedMs, endedMs }: Turn): number => endedMs - startedMs;
