/**
 * Interruptions: how long the agent talks on when a caller begins to speak. Many calls at once, each with a noise that
 * never stops; in each, trial after trial: the agent tells a story, the caller speaks into it, and the far end of the
 * socket sees when StopAudio comes and what comes after it.
 */
import { figure, type Row, series } from '../frame.js';
import { CallerAudio } from './caller-audio.js';
import { Host } from './host-control.js';
import { type Clip, makeMaterial, NOISES, type NoiseKind, seeded } from './material.js';
import { framesOf } from './messages.js';
import { Pacer } from './pacer.js';
import { takePriority } from './priority.js';
import { askForStory, SHORT_REPLY } from './stories.js';
import { TestCall } from './test-call.js';

export const LEVELS = [20, 10, 5] as const;

export interface Cell {
  readonly noise: NoiseKind;
  readonly snrDb: number;
  readonly transcription: boolean;
}

export const CELLS: readonly Cell[] = LEVELS.flatMap((snrDb) =>
  NOISES.flatMap((noise) => [true, false].map((transcription) => ({ noise, snrDb, transcription }))),
);

export const cellName = ({ noise, snrDb, transcription }: Cell): string =>
  `${snrDb}db_${noise}_${transcription ? 'words' : 'no_words'}`;

interface Trial {
  /** From the caller's onset to StopAudio, ms; undefined: the agent talked on. */
  readonly stoppedMs: number | undefined;
  /** The rest of the reply was given up. */
  readonly cancelled: boolean;
  /** The agent went on in between, and stopped again. */
  readonly hesitated: boolean;
  /** Frames sooner after a StopAudio than any resumption could be. */
  readonly inPause: number;
  /** Frames of the cancelled reply after its last StopAudio. */
  readonly afterCancel: number;
  readonly human: boolean;
}

export interface BargeInOptions {
  readonly trials: number;
  readonly calls: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** An interim result comes this long after the words began, a final one this long after they ended, ms. */
const INTERIM_MS = 600;
const FINAL_MS = 500;
/** Nothing that follows StopAudio within this time can be a resumption: a voice's end takes longer to tell, ms. */
const NO_RESUME_MS = 100;
/** A trial in which the caller's side itself was later than this tells nothing of the worker, ms. */
const TOO_LATE_MS = 40;
/** After the caller has spoken, the agent has this long to have understood, ms. */
const SETTLE_MS = 1_200;
const WORDS = 'No, wait a moment please.';

export async function bargeIn(options: BargeInOptions): Promise<Row[]> {
  const { trials, calls, say } = options;
  const material = await makeMaterial();
  say(`barge-in: ${material.clips.length} voices' lines, ${trials} trials a cell, ${CELLS.length} cells`);
  const host = await Host.start();
  try {
    const short = await shortReply(host);
    takePriority();
    const pacer = new Pacer();
    const results = new Map<Cell, Trial[]>(CELLS.map((cell) => [cell, []]));
    const unusable = { noise: 0, late: 0 };
    let done = 0;
    // Each call keeps its noise; every cell has as many calls.
    const perCell = Math.max(1, Math.floor(calls / CELLS.length));
    const callers = CELLS.flatMap((cell) => Array.from({ length: perCell }, (_, index) => ({ cell, index })));
    await Promise.all(
      callers.map(async ({ cell, index }, number) => {
        const random = seeded(1_000 + number);
        const noise = material.noise[cell.noise];
        const audio = new CallerAudio(noise, cell.snrDb, Math.floor(random() * noise.length));
        const call = await TestCall.open(`barge-${number}`, audio, host, pacer);
        const wanted = Math.ceil((trials - index) / perCell);
        let at = index;
        for (let have = 0; have < wanted; ) {
          options.signal.throwIfAborted();
          const clip = material.clips[at % material.clips.length];
          if (!clip) throw new Error('no clips');
          const trial = await runTrial(call, cell, clip, random, short);
          if (typeof trial === 'string') {
            unusable[trial] += 1;
            if (unusable.late > trials * CELLS.length) throw new Error('this machine cannot keep time');
            continue;
          }
          results.get(cell)?.push(trial);
          have += 1;
          at += perCell;
          done += 1;
          if (done % 200 === 0) say(`barge-in: ${done} of ${trials * CELLS.length} trials`);
        }
        await call.close();
      }),
    );
    return rows(results, unusable);
  } finally {
    await host.stop();
  }
}

/** @returns why it was no trial: noise alone had stopped the agent before the caller spoke, or our own clock was late */
async function runTrial(
  call: TestCall,
  cell: Cell,
  clip: Clip,
  random: () => number,
  short: ReadonlySet<string>,
): Promise<Trial | 'noise' | 'late'> {
  await call.until(() => false, 300);
  call.clear();
  call.words(askForStory(14, Math.floor(random() * 12)), true);
  // What the caller hears of the earlier reply may still be cut by the new words.
  if (!(await call.until(() => call.received.some(({ kind }) => kind === 'audio'), 10_000))) {
    throw new Error('the agent does not speak');
  }
  await call.until(() => false, 1_000 + random() * 2_500);
  const before = await cancellations(call);
  const quiet = call.received.at(-1);
  call.clear();
  const frame = call.frame + 25;
  call.audio.speak(clip.pcm, frame);
  const onsetMs = call.timeOf(frame) + clip.onsetMs;
  const endMs = call.timeOf(frame) + clip.pcm.length / 32;
  await call.untilMs(onsetMs);
  const talking = quiet?.kind === 'audio' && !call.received.some(({ kind }) => kind === 'stop');
  if (cell.transcription) {
    await call.untilMs(onsetMs + INTERIM_MS);
    if (talking) call.words(WORDS, false);
    await call.untilMs(endMs + FINAL_MS);
    if (talking) call.words(WORDS, true);
  }
  await call.untilMs(endMs + SETTLE_MS);
  if (call.lateMs > TOO_LATE_MS) return 'late';
  if (!talking) return 'noise';
  const cancelled = (await cancellations(call)) > before;
  const stops = call.received.filter(({ kind }) => kind === 'stop');
  const first = stops.at(0);
  const last = stops.at(-1);
  const later = (stop: { atMs: number } | undefined, withinMs: number): string[] =>
    call.received
      .filter(({ kind, atMs }) => kind === 'audio' && stop && atMs > stop.atMs && atMs < stop.atMs + withinMs)
      .map(({ audio }) => audio);
  const rest = cancelled ? later(last, Number.POSITIVE_INFINITY).filter((audio) => !short.has(audio)) : [];
  const between = first && last && first !== last ? later(first, last.atMs - first.atMs) : [];
  return {
    stoppedMs: first ? first.atMs - onsetMs : undefined,
    cancelled,
    hesitated: between.some((audio) => !short.has(audio)),
    inPause: stops.reduce(
      (sum, stop) => sum + later(stop, NO_RESUME_MS).filter((audio) => !short.has(audio)).length,
      0,
    ),
    afterCancel: rest.length,
    human: clip.from === 'human',
  };
}

/** Replies of this call that were cut so far. */
async function cancellations(call: TestCall): Promise<number> {
  const turns = await call.turns();
  return turns.filter(({ role, interrupted }) => role === 'agent' && interrupted).length;
}

/** Frames of the reply to the words of an interruption. */
async function shortReply(host: Host): Promise<ReadonlySet<string>> {
  const pcm = Buffer.from(await host.ask({ kind: 'speech', text: SHORT_REPLY }), 'base64');
  return new Set(framesOf(pcm));
}

function rows(
  results: ReadonlyMap<Cell, readonly Trial[]>,
  unusable: { readonly noise: number; readonly late: number },
): Row[] {
  const of = (wanted: (cell: Cell) => boolean): Trial[] =>
    [...results].flatMap(([cell, trials]) => (wanted(cell) ? trials : []));
  const latencies = (trials: readonly Trial[]): number[] =>
    trials.flatMap(({ stoppedMs }) => (stoppedMs === undefined ? [] : [stoppedMs]));
  const all = of(() => true);
  const count = (is: (trial: Trial) => boolean): number => all.filter(is).length;
  const missed = ({ stoppedMs, cancelled }: Trial): boolean => stoppedMs === undefined || !cancelled;
  const share = (trials: readonly Trial[]): number => (100 * trials.filter(missed).length) / trials.length;
  return [
    ...LEVELS.map((snrDb) =>
      series(`barge_in_${snrDb}db`, 'ms', latencies(of((cell) => cell.snrDb === snrDb))),
    ),
    figure('missed_interruptions', '%', share(all)),
    ...LEVELS.map((snrDb) =>
      figure(`missed_interruptions_${snrDb}db`, '%', share(of((cell) => cell.snrDb === snrDb))),
    ),
    ...CELLS.map((cell) =>
      series(`barge_in_${cellName(cell)}`, 'ms', latencies(of((other) => other === cell))),
    ),
    series('barge_in_human_voices', 'ms', latencies(all.filter(({ human }) => human))),
    series('barge_in_flite_voices', 'ms', latencies(all.filter(({ human }) => !human))),
    figure(
      'interruptions_resumed_in_between',
      'trials',
      count(({ hesitated }) => hesitated),
    ),
    figure(
      'frames_in_a_pause',
      'frames',
      all.reduce((sum, { inPause }) => sum + inPause, 0),
    ),
    figure(
      'frames_of_a_cancelled_reply',
      'frames',
      all.reduce((sum, { afterCancel }) => sum + afterCancel, 0),
    ),
    figure('trials_not_counted_noise_was_first', 'trials', unusable.noise),
    figure('trials_not_counted_caller_side_late', 'trials', unusable.late),
  ];
}
