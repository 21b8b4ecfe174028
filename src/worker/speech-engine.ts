/** The speech engine that the settings name. */
import { FlitePool } from '../audio/flite.js';
import type { Config } from '../config.js';
import { AzureSpeech } from '../speech/azure-speech.js';
import { FliteSpeech } from '../speech/flite-speech.js';
import type { Speech } from '../speech/port.js';
import { type Speaker, Speakers } from '../speech/speaker.js';
import { identityToken } from './agent.js';

/** The usual voice, and those of SPEECH_VOICES. */
export function speakersOf(config: Config): Speakers {
  const others = config.SPEECH_VOICES.map((pair): Speaker => {
    const [language = '', voice = ''] = pair.split('=');
    return { language, voice };
  });
  return new Speakers({ language: config.SPEECH_LOCALE, voice: config.SPEECH_VOICE }, others);
}

export interface SpeechEngine {
  readonly speech: Speech;
  close(): Promise<void>;
}

export async function createSpeechEngine(config: Config): Promise<SpeechEngine> {
  if (config.SPEECH_KIND === 'flite') {
    const pool = new FlitePool({ threads: config.SPEECH_THREADS });
    return { speech: new FliteSpeech(pool), close: () => pool.close() };
  }
  const { SPEECH_KEY: key, SPEECH_RESOURCE_ID: resourceId = '' } = config;
  const token = key === undefined ? await identityToken() : undefined;
  const speech = new AzureSpeech({
    endpoint: config.SPEECH_ENDPOINT ?? '',
    credential: token
      ? { token: async (signal) => `aad#${resourceId}#${await token(signal)}` }
      : { key: key ?? '' },
    voices: speakersOf(config).all.map(({ language, voice }) => ({ name: voice, language })),
  });
  return { speech, close: () => speech.close() };
}
