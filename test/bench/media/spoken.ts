/**
 * What the record says was spoken against what the caller's side played. The far end plays as ACS does: out of a
 * jitter buffer that StopAudio empties. Word times come from a recogniser that heard the whole sentences, so that the
 * worker's own reckoning is not judged by itself.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeWav } from '../../../src/audio/wav.js';
import { wordTimes } from '../../support/pocketsphinx.js';
import { figure, type Row, series } from '../frame.js';
import { CallerAudio } from './caller-audio.js';
import { Host } from './host-control.js';
import { type Material, makeMaterial, pick, seeded } from './material.js';
import { FRAME_MS, framesOf } from './messages.js';
import { Pacer } from './pacer.js';
import { takePriority } from './priority.js';
import { askToSay, SENTENCES } from './stories.js';
import { type Received, TestCall } from './test-call.js';

export interface SpokenOptions {
  readonly interruptions: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

interface Sentence {
  readonly text: string;
  /** Base64 of its frames. */
  readonly frames: readonly string[];
  /** The middle of each word, ms from the sentence's start. */
  readonly middlesMs: readonly number[];
}

interface Judged {
  readonly recorded: number;
  readonly played: number;
  readonly sameInContext: boolean;
  readonly beginning: boolean;
}

const RATE = 16_000;
const CALLS = 10;
const SENTENCES_A_REPLY = 5;
/** As in the simulator: ACS waits for so much before it plays. */
const JITTER_MS = 60;
const SNR_DB = 20;
/** The agent has ended when it sent nothing for so long, ms. */
const QUIET_MS = 1_200;
/** More of these for each that counts: nothing can be measured here. */
const UNUSABLE = 3;
const FEWEST_SENTENCES = 6;
const WORDS = 'No, wait a moment please.';

export async function spokenWords({ interruptions, say, signal }: SpokenOptions): Promise<Row[]> {
  const material = await makeMaterial();
  const host = await Host.start();
  try {
    const sentences = await sentencesOf(host);
    say(`words: ${sentences.length} sentences whose word times are known, ${interruptions} interruptions`);
    takePriority();
    const pacer = new Pacer();
    const judged: Judged[] = [];
    let unusable = 0;
    await Promise.all(
      Array.from({ length: CALLS }, async (_, number) => {
        const random = seeded(9_000 + number);
        const audio = new CallerAudio(material.noise.white, SNR_DB, Math.floor(random() * 100_000));
        const call = await TestCall.open(`words-${number}`, audio, host, pacer);
        await call.until(() => false, 1_500);
        while (judged.length < interruptions) {
          signal.throwIfAborted();
          const one = await interrupt(call, host, sentences, material, random);
          if (one) judged.push(one);
          else unusable += 1;
          if (unusable > UNUSABLE * interruptions) throw new Error('this machine cannot keep time');
        }
        await call.close();
      }),
    );
    return [...rows(judged.slice(0, interruptions)), figure('interruptions_not_counted', 'trials', unusable)];
  } finally {
    await host.stop();
  }
}

/** @returns undefined when the caller's side was late itself, or the agent had finished before it could be cut */
async function interrupt(
  call: TestCall,
  host: Host,
  all: readonly Sentence[],
  material: Material,
  random: () => number,
): Promise<Judged | undefined> {
  const reply = Array.from({ length: SENTENCES_A_REPLY }, () => pick(all, random));
  const quietMs = (): number => performance.now() - (call.received.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY);
  if (!(await call.until(() => quietMs() > QUIET_MS, 20_000))) throw new Error('the agent does not end');
  const seen = (await call.turns()).length;
  call.clear();
  call.words(askToSay(reply.map(({ text }) => text).join(' ')), true);
  if (!(await call.until(() => call.received.length > 0, 10_000)))
    throw new Error('the agent does not speak');
  const lengthMs = reply.reduce((sum, { frames }) => sum + frames.length * FRAME_MS, 0);
  await call.until(() => false, 200 + random() * (lengthMs - 2_000));
  const clip = pick(material.clips, random);
  const frame = call.frame + 5;
  call.audio.speak(clip.pcm, frame);
  await call.untilMs(call.timeOf(frame) + clip.onsetMs + 600);
  call.words(WORDS, false);
  await call.untilMs(call.timeOf(frame) + clip.pcm.length / 32 + 500);
  // What was cut is on record by now; what follows is the answer to the interruption.
  const received = call.received.slice();
  call.words(WORDS, true);
  const turns = (await call.turns()).slice(seen);
  const turn = turns.find(({ role, interrupted }) => role === 'agent' && interrupted);
  if (!turn || call.lateMs > 40) return undefined;
  const playedFrames = playedOf(received);
  const { context } = await host.ask({ kind: 'call', callId: call.id });
  const inContext = context?.window.findLast(({ role }) => role === 'agent')?.text;
  return {
    recorded: wordsOf(turn.text).length,
    played: playedWords(reply, playedFrames),
    sameInContext: inContext === turn.text,
    beginning: reply
      .map(({ text }) => text)
      .join(' ')
      .startsWith(turn.text),
  };
}

/** What a jitter buffer that StopAudio empties has played, in order. */
function playedOf(received: readonly Received[]): string[] {
  const played: string[] = [];
  let waiting: { audio: string; atMs: number }[] = [];
  let nextMs = Number.NEGATIVE_INFINITY;
  const playUntil = (timeMs: number): void => {
    for (let first = waiting[0]; first && first.atMs < timeMs; first = waiting[0]) {
      played.push(first.audio);
      waiting.shift();
    }
  };
  for (const { kind, atMs, audio } of received) {
    playUntil(atMs);
    if (kind === 'stop') {
      waiting = [];
      nextMs = Number.NEGATIVE_INFINITY;
      continue;
    }
    const playsAt = nextMs < atMs ? atMs + JITTER_MS : nextMs;
    // A frame counts once half of it was played.
    waiting.push({ audio, atMs: playsAt + FRAME_MS / 2 });
    nextMs = playsAt + FRAME_MS;
  }
  playUntil(Number.POSITIVE_INFINITY);
  return played;
}

/**
 * Words whose middle was played. Frames are found by their sound, onwards from where the last one was; one that was
 * faded after a pause is no frame of the sentence, and counts as the one that would have come next.
 */
function playedWords(reply: readonly Sentence[], played: readonly string[]): number {
  const frames = reply.flatMap(({ frames }) => frames);
  let at = -1;
  for (const audio of played) {
    // After a resumption some frames come again; a silent frame is like others: the nearest is meant.
    const near = [1, 0, -1, -2, -3, -4, -5, -6, 2, 3].find((step) => frames[at + step] === audio);
    if (near !== undefined) at = Math.max(at, at + near);
    else at += 1;
  }
  let start = 0;
  let words = 0;
  for (const { frames: own, middlesMs } of reply) {
    words += middlesMs.filter((middle) => start + middle / FRAME_MS <= at + 1).length;
    start += own.length;
  }
  return words;
}

/** The agent's sentences in which the recogniser finds as many words as there are. */
async function sentencesOf(host: Host): Promise<Sentence[]> {
  const folder = await mkdtemp(join(tmpdir(), 'rtvoice-words-'));
  const found: Sentence[] = [];
  try {
    for (const [index, text] of SENTENCES.entries()) {
      const pcm = Buffer.from(await host.ask({ kind: 'speech', text }), 'base64');
      const path = join(folder, `${index}.wav`);
      await writeFile(path, encodeWav(pcm, RATE));
      const words = await wordTimes(path);
      if (words.length !== wordsOf(text).length) continue;
      found.push({
        text,
        frames: framesOf(pcm),
        middlesMs: words.map(({ from, to }) => ((from + to) / 2) * 1_000),
      });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  if (found.length < FEWEST_SENTENCES) throw new Error(`only ${found.length} sentences were understood`);
  return found;
}

const wordsOf = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');

function rows(judged: readonly Judged[]): Row[] {
  const off = judged.map(({ recorded, played }) => Math.abs(recorded - played));
  const share = (is: (one: Judged, index: number) => boolean): number =>
    (100 * judged.filter(is).length) / judged.length;
  return [
    series('spoken_words_off', 'words', off),
    figure(
      'spoken_words_within_one',
      '%',
      share((_, index) => (off[index] ?? 0) <= 1),
    ),
    figure(
      'spoken_text_same_in_context',
      '%',
      share(({ sameInContext }) => sameInContext),
    ),
    figure(
      'spoken_text_is_a_beginning',
      '%',
      share(({ beginning }) => beginning),
    ),
  ];
}
