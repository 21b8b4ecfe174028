/**
 * Call-control operations on a call, as they are asked for over HTTP and on the actor. Arguments hold personal data (raw
 * ids, numbers, texts): they are sent on, never stored or logged.
 */
import { z } from 'zod';
import type { OperationKind } from './operation-rules.js';

const rawId = z.string().min(1).max(512);
const number = z.string().regex(/^\+[1-9]\d{1,14}$/, 'a number in E.164 form');
const locale = z.string().regex(/^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/, 'a BCP 47 tag');
const tone = z.enum([
  ...(['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'] as const),
  ...(['a', 'b', 'c', 'd', 'pound', 'asterisk'] as const),
]);
const source = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('text'),
    text: z.string().min(1).max(4_000),
    locale: locale.optional(),
    voice: z.string().max(100).optional(),
  }),
  z.strictObject({ kind: z.literal('ssml'), ssml: z.string().min(1).max(8_000) }),
  z.strictObject({ kind: z.literal('file'), url: z.url({ protocol: /^https?$/ }) }),
]);
const seconds = z.number().int().min(0).max(300);
const recordingId = z.string().min(1).max(2_048);
const none = z.strictObject({});
const aParticipant = z.strictObject({ participant: rawId });
const aRecording = z.strictObject({ recordingId });

/** One schema an operation. */
export const CONTROL_SCHEMAS = {
  hangUp: z.strictObject({ forEveryone: z.boolean().default(true) }),
  transfer: z.strictObject({
    target: rawId,
    transferee: rawId.optional(),
    sourceNumber: number.optional(),
  }),
  addParticipant: z.strictObject({
    participant: rawId,
    sourceNumber: number.optional(),
    sourceDisplayName: z.string().max(256).optional(),
    invitationTimeoutS: z.number().int().min(1).max(180).optional(),
  }),
  removeParticipant: aParticipant,
  muteParticipant: aParticipant,
  play: z.strictObject({
    sources: z.array(source).min(1).max(10),
    to: z.array(rawId).min(1).max(100).optional(),
    loop: z.boolean().optional(),
    interrupt: z.boolean().optional(),
  }),
  cancelAllMedia: none,
  recognizeDtmf: z.strictObject({
    from: rawId,
    maxTones: z.number().int().min(1).max(128).optional(),
    stopTones: z.array(tone).max(16).optional(),
    initialSilenceS: seconds.optional(),
    interToneS: seconds.optional(),
    interrupt: z.boolean().optional(),
    interruptPrompt: z.boolean().optional(),
    prompt: source.optional(),
  }),
  startContinuousDtmf: z.strictObject({ from: rawId }),
  stopContinuousDtmf: z.strictObject({ from: rawId }),
  sendDtmf: z.strictObject({ tones: z.array(tone).min(1).max(64), to: rawId }),
  hold: z.strictObject({ participant: rawId, music: source.optional() }),
  unhold: aParticipant,
  startMediaStreaming: none,
  stopMediaStreaming: none,
  startTranscription: z.strictObject({ locale: locale.optional() }),
  stopTranscription: none,
  updateTranscription: z.strictObject({ locale }),
  startRecording: z.strictObject({
    content: z.enum(['audio', 'audioVideo']).optional(),
    channel: z.enum(['mixed', 'unmixed']).optional(),
    format: z.enum(['mp3', 'mp4', 'wav']).optional(),
    pauseOnStart: z.boolean().optional(),
  }),
  pauseRecording: aRecording,
  resumeRecording: aRecording,
  stopRecording: aRecording,
} as const satisfies Partial<Record<OperationKind, z.ZodType>>;

export type ControlKind = keyof typeof CONTROL_SCHEMAS;

/** zod's optional fields as they are in JSON: there, or absent; never undefined. */
type Exact<T> = T extends readonly (infer U)[]
  ? Exact<U>[]
  : T extends object
    ? { [K in keyof T]: Exact<Exclude<T[K], undefined>> }
    : T;

/** A validated request: its kind, and the arguments of that kind. */
export type ControlRequest = {
  [K in ControlKind]: { readonly kind: K; readonly args: Exact<z.output<(typeof CONTROL_SCHEMAS)[K]>> };
}[ControlKind];

/** An outbound call. */
export const createCallSchema = z.strictObject({
  /** Raw id of whom to call: 4:+1… or 8:acs:… */
  target: rawId,
  /** Needed when the target is a phone number. */
  sourceNumber: number.optional(),
  sourceDisplayName: z.string().max(256).optional(),
});

export type CreateCallArgs = Exact<z.output<typeof createCallSchema>>;

export type ReadControl =
  | { readonly ok: true; readonly request: ControlRequest }
  | { readonly ok: false; readonly reason: 'unknown' }
  /** `detail` names fields, never values. */
  | { readonly ok: false; readonly reason: 'invalid'; readonly detail: string };

const KINDS = new Map(Object.keys(CONTROL_SCHEMAS).map((kind) => [kind.toLowerCase(), kind as ControlKind]));

/** Reads a request; `hang-up`, `hangup` and `hangUp` are one operation. */
export function readControl(operation: string, args: unknown): ReadControl {
  const kind = KINDS.get(operation.replace(/-/g, '').toLowerCase());
  if (!kind) return { ok: false, reason: 'unknown' };
  const parsed = CONTROL_SCHEMAS[kind].safeParse(args ?? {});
  if (!parsed.success) return { ok: false, reason: 'invalid', detail: fieldsOf(parsed.error) };
  return { ok: true, request: { kind, args: parsed.data } as ControlRequest };
}

/** Which fields are wrong and how; messages of zod do not quote values, unknown keys are left out. */
export const fieldsOf = (error: z.ZodError): string =>
  error.issues
    .slice(0, 5)
    .map(
      (issue) =>
        `${issue.path.join('.') || 'body'}: ${issue.code === 'unrecognized_keys' ? 'unknown field' : issue.message}`,
    )
    .join('; ');
