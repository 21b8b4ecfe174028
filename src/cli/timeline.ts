/** rtvoice calls timeline: the course of a call, live or past, as text or as a picture. Read through the API, audited. */
import { readFile, writeFile } from 'node:fs/promises';
import { Command } from 'commander';
import { decodeWav } from '../audio/wav.js';
import { messageOf } from '../errors.js';
import { levelsOf, offsetOf } from '../timeline/levels.js';
import { type Timeline, timelineOf } from '../timeline/model.js';
import { drawTimeline, type Recording } from '../timeline/picture.js';
import { timelineText } from '../timeline/text.js';
import { ApiFailure, type ApiFlags, api, apiFlags, EXIT, print, run } from './api.js';

interface TimelineFlags extends ApiFlags {
  readonly png?: string;
  readonly recording?: string;
}

/** `rtvoice calls timeline ID [--png FILE [--recording WAV]] [--json]` */
export function timelineCommand(): Command {
  return apiFlags(new Command('timeline'))
    .description('who spoke when, and where the caller cut the agent')
    .argument('<id>', 'call connection id')
    .option('--png <file>', 'draw it into this file')
    .option(
      '--recording <wav>',
      'with the sound of this recording: stereo is caller and agent, mono what was heard',
    )
    .action((id: string, flags: TimelineFlags) => run(() => showTimeline(id, flags)));
}

async function showTimeline(id: string, flags: TimelineFlags): Promise<void> {
  if (flags.recording !== undefined && flags.png === undefined)
    throw new ApiFailure('--recording is drawn: it goes with --png', EXIT.usage);
  const timeline = timelineOf(await api(flags, 'GET', `/transcripts/${encodeURIComponent(id)}`));
  if (flags.png !== undefined) {
    const recording =
      flags.recording === undefined ? undefined : await readRecording(flags.recording, timeline);
    await writeFile(flags.png, drawTimeline(timeline, recording).toPng());
  }
  print(flags, timeline, timelineText(timeline));
}

async function readRecording(path: string, timeline: Timeline): Promise<Recording> {
  const bytes = await readFile(path).catch(() => {
    throw new ApiFailure(`${path} cannot be read`, EXIT.usage);
  });
  try {
    const levels = levelsOf(decodeWav(bytes));
    return { levels, offsetMs: offsetOf(levels, timeline) };
  } catch (cause) {
    throw new ApiFailure(`${path} is no WAV that can be drawn: ${messageOf(cause)}`, EXIT.usage);
  }
}
