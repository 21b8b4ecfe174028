import { z } from 'zod';
import { SimError } from '../errors.js';

const MAX_LINES = 200;
const MAX_TEXT = 2000;
const ACTIONS = ['say', 'wav', 'dtmf', 'waitMs', 'hangUp'] as const;
const DTMF = /^[0-9A-Da-d*#]+$/;

/** One thing that the caller does, by default after hearing the agent out. */
export const lineSchema = z
  .strictObject({
    /** Words to be spoken by the caller's voice, and transcribed. */
    say: z.string().trim().min(1).max(MAX_TEXT).optional(),
    /** A recording to be played instead of a synthetic voice; `text` (or `say`) is its transcript. */
    wav: z.string().min(1).optional(),
    /** The transcript, where it differs from what is said. */
    text: z.string().trim().min(1).max(MAX_TEXT).optional(),
    /** Keys to be pressed after the words. */
    dtmf: z.string().regex(DTMF, 'keys are 0-9, A-D, * and #').max(64).optional(),
    /** Waits this long after the agent's end (alone in a line: just waits). */
    waitMs: z.number().int().min(0).max(600_000).optional(),
    /** False: does not wait for the agent. */
    listen: z.boolean().optional(),
    /** Starts this long after the agent began to speak, without hearing it out. */
    bargeInAfterMs: z.number().int().min(0).max(60_000).optional(),
    /** Hangs up after this line. */
    hangUp: z.boolean().optional(),
  })
  .refine((line) => line.wav === undefined || line.text !== undefined || line.say !== undefined, {
    message: 'a line with a wav names its text too',
  })
  .refine((line) => line.text === undefined || line.say !== undefined || line.wav !== undefined, {
    message: 'a text without say or wav has no sound',
  })
  .refine((line) => line.bargeInAfterMs === undefined || line.listen !== false, {
    message: 'a line that barges in listens',
  })
  .refine((line) => ACTIONS.some((name) => line[name] !== undefined), { message: 'the line does nothing' });

export type ScriptLine = z.infer<typeof lineSchema>;

export const scriptSchema = z.union([
  z.array(lineSchema).min(1).max(MAX_LINES),
  z
    .looseObject({
      voice: z.string().optional(),
      callerName: z.string().max(100).optional(),
      lines: z.array(lineSchema).min(1).max(MAX_LINES),
    })
    .transform((file) => file),
]);

/** A script as it is run. */
export interface Script {
  readonly lines: readonly ScriptLine[];
  readonly voice: string | undefined;
  readonly callerName: string | undefined;
}

/** Checks a script: a list of lines, or an object with `lines`. Throws RTV_SIM_SCRIPT_INVALID. */
export function parseScript(value: unknown): Script {
  const result = scriptSchema.safeParse(value);
  if (!result.success) throw new SimError('RTV_SIM_SCRIPT_INVALID', z.prettifyError(result.error));
  const data = result.data;
  if (Array.isArray(data)) return { lines: data, voice: undefined, callerName: undefined };
  return { lines: data.lines, voice: data.voice, callerName: data.callerName };
}

/** The demonstration: somebody reports a damaged car. All data are invented. */
export const DEMO_SCRIPT: Script = {
  voice: undefined,
  callerName: undefined,
  lines: [
    { say: 'Hello, I would like to report a claim.' },
    { say: 'My name is Alice Brown.' },
    { say: 'Someone hit my car yesterday, in a parking lot.' },
    { say: 'Nobody was hurt, but the front door is damaged.' },
    { say: 'Yes. My policy number is four seven two nine.' },
    { say: 'No, that is all. Thank you, and goodbye.' },
  ],
};

/** Number of lines that are caller turns. */
export function spokenLines(script: Script): number {
  return script.lines.filter((line) => line.say !== undefined || line.wav !== undefined).length;
}
