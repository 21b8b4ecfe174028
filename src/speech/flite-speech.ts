import { AudioError } from '../audio/errors.js';
import { FLITE_VOICES, type FlitePool } from '../audio/flite.js';
import { SpeechError, type SpeechErrorCode } from './errors.js';
import { clampRate, type Speech, type SpeechRequest, type Voice } from './port.js';

const VOICES: readonly Voice[] = Object.keys(FLITE_VOICES).map((name) => ({ name, language: 'en-US' }));

/** Embedded English speech. The pool belongs to whoever made it. */
export class FliteSpeech implements Speech {
  private readonly pool: FlitePool;

  constructor(pool: FlitePool) {
    this.pool = pool;
  }

  async *synthesize(request: SpeechRequest, signal: AbortSignal): AsyncIterable<Buffer> {
    const { text, voice, sampleRate } = request;
    const options = { voice, sampleRate, speakingRate: clampRate(request.rate) };
    let pcm: Buffer;
    try {
      pcm = await this.pool.synthesize(text, options, signal);
    } catch (cause) {
      throw new SpeechError(codeOf(cause), 'flite did not speak', { cause });
    }
    yield pcm;
  }

  voices(): readonly Voice[] {
    return VOICES;
  }
}

function codeOf(error: unknown): SpeechErrorCode {
  if (!(error instanceof AudioError)) return 'RTV_SPEECH_UNAVAILABLE';
  switch (error.code) {
    case 'RTV_AUDIO_ABORTED':
      return 'RTV_SPEECH_ABORTED';
    case 'RTV_AUDIO_QUEUE_FULL':
      return 'RTV_SPEECH_THROTTLED';
    case 'RTV_AUDIO_SYNTHESIS_TIMEOUT':
      return 'RTV_SPEECH_STALLED';
    case 'RTV_AUDIO_VOICE_UNKNOWN':
    case 'RTV_AUDIO_TEXT_EMPTY':
    case 'RTV_AUDIO_TEXT_TOO_LONG':
      return 'RTV_SPEECH_REJECTED';
    default:
      return 'RTV_SPEECH_UNAVAILABLE';
  }
}
