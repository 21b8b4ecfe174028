import { request } from 'undici';
import { z } from 'zod';
import { fromWav } from '../caller/speech.js';
import type { ResultInformation } from '../events/callbacks.js';
import type { MediaRate } from '../media/messages.js';
import type { World } from './world.js';

const MAX_PROMPT_BYTES = 16 * 1024 * 1024;
const DOWNLOAD_TIMEOUT_MS = 10_000;
const PROMPT_VOICE = 'slt';

/** What play and recognize may be asked to say, as on the wire. */
export const playSourceSchema = z
  .looseObject({
    kind: z.string(),
    playSourceCacheId: z.string().optional(),
    file: z.looseObject({ uri: z.url() }).optional(),
    text: z.looseObject({ text: z.string().min(1).max(4000) }).optional(),
    ssml: z.looseObject({ ssmlText: z.string().min(1).max(10_000) }).optional(),
  })
  .refine((source) => source.file !== undefined || source.text !== undefined || source.ssml !== undefined, {
    message: 'A play source names a file, a text or an SSML.',
  });

export type PlaySource = z.infer<typeof playSourceSchema>;

const RESULTS = {
  download: { code: 400, subCode: 8536, message: 'Action failed, file could not be downloaded.' },
  format: { code: 400, subCode: 8535, message: 'Action failed, file format is invalid.' },
  failed: { code: 500, subCode: 9999, message: 'Unknown internal server error.' },
} as const;

/** Why a prompt could not be played, in ACS's words. */
export class PromptError extends Error {
  readonly result: ResultInformation;

  constructor(why: keyof typeof RESULTS) {
    super(RESULTS[why].message);
    this.name = 'PromptError';
    this.result = RESULTS[why];
  }
}

/** PCM16 mono of a play source: a WAV file by its address, a text or SSML by an embedded voice. Throws PromptError. */
export async function promptAudio(
  source: PlaySource,
  rate: MediaRate,
  world: World,
  signal: AbortSignal,
): Promise<Buffer> {
  if (source.file) return wavFrom(await download(source.file.uri, signal), rate);
  const text = source.text?.text ?? plainText(source.ssml?.ssmlText ?? '');
  if (text === '') throw new PromptError('format');
  try {
    return await world.speech.speak(text, PROMPT_VOICE, rate);
  } catch {
    throw new PromptError('failed');
  }
}

async function wavFrom(bytes: Buffer, rate: MediaRate): Promise<Buffer> {
  try {
    return await fromWav(bytes, rate);
  } catch {
    throw new PromptError('format');
  }
}

async function download(uri: string, signal: AbortSignal): Promise<Buffer> {
  try {
    const answer = await request(uri, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS)]),
    });
    const parts: Buffer[] = [];
    let size = 0;
    for await (const part of answer.body) {
      const bytes = Buffer.from(part as Uint8Array);
      size += bytes.length;
      if (size > MAX_PROMPT_BYTES) throw new Error('too large');
      parts.push(bytes);
    }
    if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`);
    return Buffer.concat(parts);
  } catch {
    throw new PromptError('download');
  }
}

/** The words of an SSML document. */
export function plainText(ssml: string): string {
  return ssml
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}
