import { Agent, type Dispatcher, request as httpRequest } from 'undici';
import { Deadline } from '../service/deadline.js';
import { retryAfter } from '../service/retry-after.js';
import { toSsml } from './azure-ssml.js';
import { SpeechError } from './errors.js';
import type { Speech, SpeechRequest, Voice } from './port.js';

export interface AzureSpeechOptions {
  /** Origin of the resource, e.g. the regional text-to-speech address. */
  endpoint: string;
  /** A key of the resource, or a source of bearer tokens (Entra ID: `aad#{resource id}#{token}`). */
  credential: { key: string } | { token: (signal: AbortSignal) => Promise<string> };
  voices: readonly Voice[];
  /** Longest wait for the first audio, ms. Default 3000. */
  firstChunkMs?: number;
  /** Longest wait between two chunks, ms. Default 2000. */
  chunkMs?: number;
  /** Connections kept to the service. Default 32. */
  connections?: number;
}

const PATH = '/cognitiveservices/v1';
/** The service itself ends at ten minutes of audio: 28.8 MB at 24 kHz. */
const MAX_AUDIO_BYTES = 30_000_000;

/** Azure Speech over its REST interface, streaming. Does not retry: errors say whether one may. */
export class AzureSpeech implements Speech {
  private readonly options: AzureSpeechOptions;
  private readonly url: URL;
  private readonly firstChunkMs: number;
  private readonly chunkMs: number;
  private readonly agent: Agent;

  constructor(options: AzureSpeechOptions) {
    this.options = options;
    this.url = new URL(PATH, options.endpoint);
    this.firstChunkMs = options.firstChunkMs ?? 3000;
    this.chunkMs = options.chunkMs ?? 2000;
    this.agent = new Agent({ connections: options.connections ?? 32, keepAliveTimeout: 30_000 });
  }

  async *synthesize(request: SpeechRequest, signal: AbortSignal): AsyncIterable<Buffer> {
    const deadline = new Deadline(signal, this.firstChunkMs);
    try {
      const response = await this.post(request, deadline.signal);
      await refuseUnlessOk(response);
      let received = 0;
      let odd: Buffer = Buffer.alloc(0);
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        received += chunk.length;
        if (received > MAX_AUDIO_BYTES) throw new SpeechError('RTV_SPEECH_REJECTED', 'audio without end');
        const joined = odd.length > 0 ? Buffer.concat([odd, chunk]) : chunk;
        const whole = joined.length & ~1;
        odd = joined.subarray(whole);
        // The consumer's own time is not the service's: the clock runs only while we wait for it.
        deadline.stop();
        if (whole > 0) yield joined.subarray(0, whole);
        deadline.restart(this.chunkMs);
      }
      if (received === 0) throw new SpeechError('RTV_SPEECH_UNAVAILABLE', 'the service sent no audio');
    } catch (error) {
      throw explain(error, signal, deadline);
    } finally {
      deadline.end();
    }
  }

  voices(): readonly Voice[] {
    return this.options.voices;
  }

  async close(): Promise<void> {
    await this.agent.destroy();
  }

  private async post(request: SpeechRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    const { credential, voices } = this.options;
    const authorization =
      'key' in credential
        ? { 'ocp-apim-subscription-key': credential.key }
        : { authorization: `Bearer ${await credential.token(signal)}` };
    const language =
      request.language ?? voices.find(({ name }) => name === request.voice)?.language ?? 'en-US';
    return await httpRequest(this.url, {
      method: 'POST',
      dispatcher: this.agent,
      signal,
      headersTimeout: 0,
      bodyTimeout: 0,
      headers: {
        ...authorization,
        'content-type': 'application/ssml+xml',
        'x-microsoft-outputformat': `raw-${request.sampleRate / 1000}khz-16bit-mono-pcm`,
        'user-agent': 'rtvoice',
      },
      body: toSsml(request, language),
    });
  }
}

async function refuseUnlessOk({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<void> {
  if (statusCode === 200) return;
  // Without its body read, or thrown away, the connection would not be used again.
  await body.dump({ limit: 16_384 });
  const message = `the speech service answered ${statusCode}`;
  if (statusCode === 401 || statusCode === 403) throw new SpeechError('RTV_SPEECH_AUTH', message);
  if (statusCode === 429) {
    throw new SpeechError('RTV_SPEECH_THROTTLED', message, {
      retryAfterMs: retryAfter(headers['retry-after']),
    });
  }
  if (statusCode >= 500 || statusCode === 408) {
    const retryAfterMs = retryAfter(headers['retry-after']);
    throw new SpeechError('RTV_SPEECH_UNAVAILABLE', message, { retryAfterMs });
  }
  throw new SpeechError('RTV_SPEECH_REJECTED', message);
}

function explain(error: unknown, signal: AbortSignal, deadline: Deadline): SpeechError {
  if (error instanceof SpeechError) return error;
  if (signal.aborted) return new SpeechError('RTV_SPEECH_ABORTED', 'synthesis aborted', { cause: error });
  if (deadline.passed) return new SpeechError('RTV_SPEECH_STALLED', 'the service sent no audio in time');
  return new SpeechError('RTV_SPEECH_UNAVAILABLE', 'the connection failed', { cause: error });
}
