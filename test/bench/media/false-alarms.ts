/**
 * What is no interruption: noise, slams, coughs, and callers who say "uh-huh". The agent talks all the time; counted is
 * how often it falls silent, how soon it goes on, and how often it gives up a reply that nobody meant to stop.
 */
import { figure, type Row, series } from '../frame.js';
import { CELLS, type Cell, cellName } from './barge-in.js';
import { CallerAudio } from './caller-audio.js';
import { Host } from './host-control.js';
import { type Material, makeMaterial, pick, seeded } from './material.js';
import { Pacer } from './pacer.js';
import { takePriority } from './priority.js';
import { askForStory } from './stories.js';
import { TestCall } from './test-call.js';

export interface FalseAlarmOptions {
  /** Call time for each cell. */
  readonly minutes: number;
  readonly calls: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** What a caller does in each minute beside listening. */
const BACKCHANNELS_A_MINUTE = 3;
const BANGS_A_MINUTE = 2;
const MINUTE_MS = 60_000;
const INTERIM_MS = 400;
const FINAL_MS = 500;
/** Longer than any pause of barge-in, shorter than the wait for a reprompt, ms. */
const SILENT_MS = 1_500;
const ENDLESS = 100_000;

interface Listened {
  readonly pauses: number;
  readonly resumedMs: readonly number[];
  readonly cancelled: number;
  readonly ms: number;
}

export async function falseAlarms(options: FalseAlarmOptions): Promise<Row[]> {
  const { minutes, calls, say, signal } = options;
  const material = await makeMaterial();
  const perCell = Math.max(1, Math.floor(calls / CELLS.length));
  say(`false alarms: ${minutes} min of call time in each of ${CELLS.length} cells, ${perCell} calls each`);
  const host = await Host.start();
  try {
    takePriority();
    const pacer = new Pacer();
    const callers = CELLS.flatMap((cell) => Array.from({ length: perCell }, () => cell));
    const listened = await Promise.all(
      callers.map(async (cell, number) => {
        const random = seeded(5_000 + number);
        const noise = material.noise[cell.noise];
        const audio = new CallerAudio(noise, cell.snrDb, Math.floor(random() * noise.length));
        const call = await TestCall.open(`false-${number}`, audio, host, pacer);
        const result = await listen(call, cell, material, (minutes * MINUTE_MS) / perCell, random, signal);
        await call.close();
        return { cell, ...result };
      }),
    );
    return rows(listened);
  } finally {
    await host.stop();
  }
}

/** One call: an endless story, with small sounds from the caller. */
async function listen(
  call: TestCall,
  cell: Cell,
  material: Material,
  ms: number,
  random: () => number,
  signal: AbortSignal,
): Promise<Listened> {
  await call.until(() => false, 1_500);
  const askAgain = async (): Promise<void> => {
    call.words(askForStory(ENDLESS, Math.floor(random() * 12)), true);
    await call.until(() => call.received.at(-1)?.kind === 'audio', 10_000);
  };
  await askAgain();
  const started = performance.now();
  const plan = planOf(ms, random);
  const saying: Promise<void>[] = [];
  let asked = 0;
  while (performance.now() - started < ms) {
    signal.throwIfAborted();
    const next = plan[0];
    if (next && performance.now() - started >= next.atMs) {
      plan.shift();
      const frame = call.frame + 5;
      if (next.kind === 'bang') call.audio.sound(pick(material.bangs, random), frame);
      else {
        const { pcm, text } = pick(material.backchannels, random);
        call.audio.speak(pcm, frame);
        if (cell.transcription) saying.push(transcribed(call, text, call.timeOf(frame), pcm.length / 32));
      }
    }
    const last = call.received.at(-1);
    if (last && performance.now() - last.atMs > SILENT_MS) {
      asked += 1;
      await askAgain();
    }
    await call.until(() => false, 1);
  }
  const elapsed = performance.now() - started;
  await Promise.all(saying);
  // The last cancellation has been handed in by now, whatever came last.
  await call.until(() => false, 2_000);
  const cancelled = (await call.turns()).filter(
    ({ role, interrupted }) => role === 'agent' && interrupted,
  ).length;
  if (asked > cancelled)
    throw new Error(`${call.id}: the agent fell silent ${asked} times, cut ${cancelled}`);
  const pauses = call.received.flatMap(({ kind, atMs }, index) => (kind === 'stop' ? [{ atMs, index }] : []));
  const resumedMs = pauses.flatMap(({ atMs, index }) => {
    const next = call.received[index + 1];
    return next?.kind === 'audio' && next.atMs - atMs < SILENT_MS ? [next.atMs - atMs] : [];
  });
  return { pauses: pauses.length, resumedMs, cancelled, ms: elapsed };
}

async function transcribed(call: TestCall, text: string, startMs: number, lengthMs: number): Promise<void> {
  await call.untilMs(startMs + INTERIM_MS);
  call.words(text, false);
  await call.untilMs(startMs + lengthMs + FINAL_MS);
  call.words(text, true);
}

/** At random times, but with room between them, as different sounds have. */
function planOf(ms: number, random: () => number): { atMs: number; kind: 'bang' | 'backchannel' }[] {
  const perMinute = BACKCHANNELS_A_MINUTE + BANGS_A_MINUTE;
  const slotMs = MINUTE_MS / perMinute;
  return Array.from({ length: Math.floor(ms / slotMs) }, (_, slot) => ({
    atMs: slot * slotMs + random() * (slotMs - 3_000),
    kind: slot % perMinute < BACKCHANNELS_A_MINUTE ? ('backchannel' as const) : ('bang' as const),
  }));
}

function rows(listened: readonly ({ readonly cell: Cell } & Listened)[]): Row[] {
  const rate = (wanted: (cell: Cell) => boolean, what: (one: Listened) => number): number => {
    const those = listened.filter(({ cell }) => wanted(cell));
    const minutes = those.reduce((sum, { ms }) => sum + ms, 0) / MINUTE_MS;
    return those.reduce((sum, one) => sum + what(one), 0) / minutes;
  };
  const all = (): boolean => true;
  const worst = (what: (one: Listened) => number): number =>
    Math.max(...CELLS.map((cell) => rate((other) => other === cell, what)));
  return [
    figure(
      'false_interruptions_per_minute',
      '/min',
      rate(all, ({ cancelled }) => cancelled),
    ),
    figure(
      'false_interruptions_per_minute_worst_cell',
      '/min',
      worst(({ cancelled }) => cancelled),
    ),
    figure(
      'pauses_per_minute',
      '/min',
      rate(all, ({ pauses }) => pauses),
    ),
    figure(
      'pauses_per_minute_worst_cell',
      '/min',
      worst(({ pauses }) => pauses),
    ),
    series(
      'pause_until_resumed',
      'ms',
      listened.flatMap(({ resumedMs }) => resumedMs),
    ),
    ...CELLS.flatMap((cell) => {
      const here = (other: Cell): boolean => other === cell;
      return [
        figure(
          `false_interruptions_${cellName(cell)}`,
          '/min',
          rate(here, ({ cancelled }) => cancelled),
        ),
        figure(
          `pauses_${cellName(cell)}`,
          '/min',
          rate(here, ({ pauses }) => pauses),
        ),
      ];
    }),
  ];
}
