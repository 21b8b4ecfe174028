import { z } from 'zod';
import type { ResultInformation } from '../events/callbacks.js';
import { identifierSchema } from './identity.js';

/** ACS's names of the keys. */
export const TONE_NAMES: Readonly<Record<string, string>> = {
  '0': 'zero',
  '1': 'one',
  '2': 'two',
  '3': 'three',
  '4': 'four',
  '5': 'five',
  '6': 'six',
  '7': 'seven',
  '8': 'eight',
  '9': 'nine',
  a: 'a',
  b: 'b',
  c: 'c',
  d: 'd',
  '#': 'pound',
  '*': 'asterisk',
};

/** A tone in a request, in any case. */
export const toneSchema = z
  .string()
  .transform((tone) => tone.toLowerCase())
  .refine((tone) => Object.values(TONE_NAMES).includes(tone), { message: 'is not a tone' });

/** recognizeOptions on the wire. */
export const recognizeOptionsSchema = z.looseObject({
  interruptPrompt: z.boolean().optional(),
  initialSilenceTimeoutInSeconds: z.number().min(0).max(300).optional(),
  targetParticipant: identifierSchema,
  dtmfOptions: z
    .looseObject({
      interToneTimeoutInSeconds: z.number().min(0).max(60).optional(),
      maxTonesToCollect: z.number().int().min(1).max(100).optional(),
      stopTones: z.array(toneSchema).optional(),
    })
    .optional(),
  choices: z
    .array(
      z.looseObject({
        label: z.string().min(1),
        phrases: z.array(z.string()).default([]),
        tone: toneSchema.optional(),
      }),
    )
    .optional(),
  speechOptions: z.looseObject({ endSilenceTimeoutInMs: z.number().min(0).optional() }).optional(),
});

export type RecognizeOptions = z.infer<typeof recognizeOptionsSchema>;

/** How a recognition ended. */
export type Recognition =
  | {
      readonly kind: 'recognized';
      readonly data: Readonly<Record<string, unknown>>;
      readonly result: ResultInformation;
    }
  | { readonly kind: 'silence' | 'interTone' | 'cancelled' };

/** Collects what the caller presses and says until it is enough. */
export interface ToneCollector {
  tone(name: string): void;
  speech(text: string): void;
  /** Called at the first key or words. */
  onFirst(listener: () => void): void;
  /** Starts the silence timer; resolves when enough was collected, or nothing came. */
  result(signal: AbortSignal): Promise<Recognition>;
}

/** Makes the collector of one recognize action: DTMF, choices, or free speech. */
export function collectTones(options: RecognizeOptions): ToneCollector {
  const tones: string[] = [];
  let first: (() => void) | undefined;
  let timer: NodeJS.Timeout | undefined;
  let settle: ((recognition: Recognition) => void) | undefined;
  let early: Recognition | undefined;
  const done = (recognition: Recognition): void => {
    if (timer) clearTimeout(timer);
    if (settle) settle(recognition);
    else early ??= recognition;
  };
  const arm = (seconds: number, kind: 'silence' | 'interTone'): void => {
    if (timer) clearTimeout(timer);
    if (settle) timer = setTimeout(() => done({ kind }), seconds * 1000);
  };
  const begin = (): void => {
    first?.();
    first = undefined;
  };
  return {
    onFirst: (listener) => {
      first = listener;
    },
    tone: (name) => {
      const choice = options.choices?.find((candidate) => candidate.tone === name);
      if (choice) {
        begin();
        return done(choiceOf(choice.label, undefined, 8533));
      }
      if (!options.dtmfOptions) return;
      begin();
      if (options.dtmfOptions.stopTones?.includes(name))
        return done(dtmfOf(tones, 8514, 'stop tone was detected'));
      tones.push(name);
      const { maxTonesToCollect, interToneTimeoutInSeconds } = options.dtmfOptions;
      if (tones.length >= (maxTonesToCollect ?? 100)) return done(dtmfOf(tones, 8531, 'max digits received'));
      arm(interToneTimeoutInSeconds ?? 2, 'interTone');
    },
    speech: (text) => {
      const said = text.toLowerCase();
      const match = options.choices
        ?.flatMap((choice) => choice.phrases.map((phrase) => ({ label: choice.label, phrase })))
        .find(({ phrase }) => phrase !== '' && said.includes(phrase.toLowerCase()));
      if (match) {
        begin();
        done(choiceOf(match.label, match.phrase, 8545));
      } else if (options.speechOptions) {
        begin();
        done({
          kind: 'recognized',
          data: { recognitionType: 'speech', speechResult: { speech: text, confidence: 0.9 } },
          result: { code: 200, subCode: 8563, message: 'Action completed, Recognized speech.' },
        });
      }
    },
    result: (signal) =>
      new Promise<Recognition>((resolve) => {
        const cancel = (): void => done({ kind: 'cancelled' });
        settle = (recognition) => {
          signal.removeEventListener('abort', cancel);
          resolve(recognition);
        };
        if (early) return settle(early);
        if (signal.aborted) return cancel();
        signal.addEventListener('abort', cancel, { once: true });
        if (tones.length > 0) arm(options.dtmfOptions?.interToneTimeoutInSeconds ?? 2, 'interTone');
        else arm(options.initialSilenceTimeoutInSeconds ?? 5, 'silence');
      }),
  };
}

function dtmfOf(tones: readonly string[], subCode: number, why: string): Recognition {
  return {
    kind: 'recognized',
    data: { recognitionType: 'dtmf', dtmfResult: { tones: [...tones] } },
    result: { code: 200, subCode, message: `Action completed, ${why}.` },
  };
}

function choiceOf(label: string, recognizedPhrase: string | undefined, subCode: number): Recognition {
  return {
    kind: 'recognized',
    data: {
      recognitionType: 'choices',
      choiceResult: { label, ...(recognizedPhrase === undefined ? {} : { recognizedPhrase }) },
    },
    result: { code: 200, subCode, message: 'Action completed, a choice was recognized.' },
  };
}
