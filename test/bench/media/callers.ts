/**
 * Hundreds of callers in one process of its own: sends their frames on the clock, reads what the worker sends, and
 * reports how well it kept time itself. Each caller speaks for 40 % of the time. Frames are made and masked once.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { CallerAudio } from './caller-audio.js';
import type { LoadMessage, LoadOptions, LoadReport, Percentiles } from './load-messages.js';
import { makeMaterial } from './material.js';
import { FRAME_MS, frameMessage, kindOf, metadataMessage, wordsMessage } from './messages.js';
import { Pacer } from './pacer.js';
import { takePriority } from './priority.js';
import { askForStory } from './stories.js';
import { PhoneLine } from './wire.js';

const RING_FRAMES = 3_000;
/** In each stretch of so many frames … */
const STRETCH_FRAMES = 250;
/** … so many are spoken. */
const SPOKEN_FRAMES = 100;
const SNR_DB = 30;
const OPENED_AT_ONCE = 20;
/** What is measured begins after the lead and the worker's warm-up, ms. */
const SETTLE_MS = 3_000;
const MICROSECONDS = 1_000;

const tell = (message: LoadMessage): void => void process.send?.(message);

interface Line {
  readonly line: PhoneLine;
  readonly stop: () => void;
  lastSentMs: number;
  lastMs: number;
  firstMs: number;
  received: number;
  driftMs: number;
}

async function main({ port, calls, seconds, agentTalks }: LoadOptions): Promise<void> {
  const ring = await makeRing();
  const priority = takePriority();
  const pacer = new Pacer();
  const ownGaps = createHistogram();
  const gaps = createHistogram();
  const lines: Line[] = [];
  let measuring = false;
  let sent = 0;
  let received = 0;
  const open = async (number: number): Promise<void> => {
    const path = `/acs/media/load-${number}`;
    const headers = { 'x-ms-call-connection-id': `load-${number}` };
    const phone = await PhoneLine.open({ port, path, headers });
    phone.send(metadataMessage());
    const offset = (number * 37) % ring.length;
    const pacing = pacer.add({
      frame: (frame) => {
        const now = performance.now();
        if (measuring && one.lastSentMs > 0) record(ownGaps, now - one.lastSentMs);
        one.lastSentMs = now;
        const message = ring[(frame + offset) % ring.length];
        if (message) phone.send(message);
        sent += 1;
      },
    });
    const one: Line = {
      line: phone,
      stop: pacing.stop,
      lastSentMs: 0,
      lastMs: 0,
      firstMs: 0,
      received: 0,
      driftMs: 0,
    };
    phone.onText = (payload) => {
      if (kindOf(payload) !== 'audio') return;
      received += 1;
      if (!measuring) return;
      const now = performance.now();
      if (one.firstMs === 0) {
        one.firstMs = now;
      } else {
        record(gaps, now - one.lastMs);
        one.received += 1;
        one.driftMs = Math.max(one.driftMs, Math.abs(now - one.firstMs - one.received * FRAME_MS));
      }
      one.lastMs = now;
    };
    if (agentTalks) phone.send(wordsMessage(askForStory(1_000_000, number), true));
    lines.push(one);
  };
  for (let number = 0; number < calls; number += OPENED_AT_ONCE) {
    const some = Array.from({ length: Math.min(OPENED_AT_ONCE, calls - number) }, (_, index) =>
      open(number + index),
    );
    await Promise.all(some);
  }
  await sleep(SETTLE_MS);
  tell({ kind: 'open' });
  const cpu = process.cpuUsage();
  measuring = true;
  await sleep(seconds * 1_000);
  measuring = false;
  const { user, system } = process.cpuUsage(cpu);
  for (const { stop } of lines) stop();
  // What is on its way still arrives: the worker reads all that was sent before the sockets close.
  await Promise.all(lines.map(({ line }) => line.close()));
  const report: LoadReport = {
    framesSent: sent,
    framesReceived: received,
    ownGapMs: percentiles(ownGaps),
    gapMs: percentiles(gaps),
    driftMs: Math.max(0, ...lines.map(({ driftMs }) => driftMs)),
    cpuMs: (user + system) / 1_000,
    priority,
  };
  tell({ kind: 'report', report });
}

/** A minute of a caller's sound as messages: words of many voices for 40 % of it. */
async function makeRing(): Promise<Buffer[]> {
  const material = await makeMaterial();
  const audio = new CallerAudio(material.noise.white, SNR_DB, 0);
  let clip = 0;
  for (let stretch = 0; stretch < RING_FRAMES; stretch += STRETCH_FRAMES) {
    for (let frame = stretch; frame < stretch + SPOKEN_FRAMES; ) {
      const { pcm } = material.clips[clip++ % material.clips.length] ?? { pcm: Buffer.alloc(0) };
      const room = (stretch + SPOKEN_FRAMES - frame) * 640;
      audio.speak(pcm.subarray(0, room), frame);
      frame += Math.max(1, Math.ceil(pcm.length / 640));
    }
  }
  return Array.from({ length: RING_FRAMES }, (_, frame) => frameMessage(audio.frame(frame)));
}

const record = (histogram: RecordableHistogram, ms: number): void =>
  histogram.record(Math.max(1, Math.round(ms * MICROSECONDS)));

function percentiles(histogram: RecordableHistogram): Percentiles {
  const at = (p: number): number => histogram.percentile(p) / MICROSECONDS;
  if (histogram.count === 0) return { n: 0, p50: 0, p95: 0, p99: 0, max: 0 };
  return { n: histogram.count, p50: at(50), p95: at(95), p99: at(99), max: histogram.max / MICROSECONDS };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

main(JSON.parse(process.argv[2] ?? '{}') as LoadOptions).then(
  () => process.disconnect(),
  (thrown: unknown) => {
    console.error(thrown);
    process.exit(1);
  },
);
