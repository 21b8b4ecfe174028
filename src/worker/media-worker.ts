/** The media worker's side of a worker: sockets and sessions, the voice that speaks there, the agent, and the lease. */
import type { Config } from '../config.js';
import type { CallerWordsSettings } from '../media/caller-words.js';
import type { CallLink } from '../media/ports.js';
import { BARGE_IN_VOICE } from '../media/vad/settings.js';
import { VoiceActivity } from '../media/vad/voice-activity.js';
import { callTrace } from '../ops/tracing.js';
import { TurnRing } from '../ops/turn-ring.js';
import { createAgent, readTexts } from './agent.js';
import type { Backing } from './backing.js';
import { createLink } from './link.js';
import { createMedia } from './media.js';
import { OwnAffinity } from './own-affinity.js';
import { createPresence } from './presence.js';
import { speakersOf } from './speech-engine.js';
import { createVoice } from './voice.js';

export interface MediaWorkerParts {
  /** Lays what is known of the caller over the line to the actor. */
  withProfiles(link: CallLink): CallLink;
  /** Whether this worker takes new calls, for the other workers. */
  ready(): boolean;
  /** Others have this worker's calls: its actors are read again. */
  dropActors(): void;
}

export type MediaWorker = Awaited<ReturnType<typeof createMediaWorker>>;

export async function createMediaWorker(backing: Backing, parts: MediaWorkerParts) {
  const { config, redis, seal, actors, acs, affinity, peers, workerUrl, metrics, log } = backing;
  const texts = await readTexts(config);
  const turns = new TurnRing();
  const responder = await createAgent(config, texts, metrics.genAi, log);
  const voice = await createVoice({ config, redis, seal, metrics, texts, phrases: responder.phrases() });
  const activity =
    config.VOICE_ACTIVITY === 'on' ? await VoiceActivity.load({ settings: BARGE_IN_VOICE }) : undefined;
  const presence = createPresence({
    name: config.WORKER_ID,
    url: workerUrl,
    redis,
    actors,
    appApiToken: config.APP_API_TOKEN,
    metrics,
    log,
    ready: () => parts.ready(),
    calls: () => media.sessions.size,
    dropAll: () => {
      for (const session of media.sessions.all()) session.abandon();
      parts.dropActors();
    },
  });
  const ownAffinity = new OwnAffinity(affinity, () => presence.id());
  const media = createMedia({
    actors,
    link: parts.withProfiles(createLink(actors, () => presence.id(), workerUrl)),
    maySpeak: () => presence.lease.maySpeak(),
    voice,
    responder,
    texts,
    speakers: speakersOf(config),
    patience: { fillerMs: config.REPLY_FILLER_MS, fallbackMs: config.REPLY_FALLBACK_MS },
    turns,
    affinity: ownAffinity,
    voices: activity,
    trace: callTrace,
    silence: { repromptMs: config.SILENCE_REPROMPT_MS, reprompts: config.SILENCE_REPROMPTS },
    words: wordsOf(config),
    ignored: config.IGNORED_PARTICIPANTS,
    peers,
    metrics,
    log,
    hangUp: (callId) => void acs.hangUp(callId, { forEveryone: true }),
    languageChanged: (callId, language) => void acs.updateTranscription(callId, language),
  });
  return {
    media,
    turns,
    presence,
    /** Phrases into the cache, then the heartbeat. */
    async start(): Promise<void> {
      await voice.warm();
      await presence.start();
      ownAffinity.start();
    },
    /** After sockets and presence have ended. */
    async close(): Promise<void> {
      ownAffinity.stop();
      await voice.close();
      await responder.close?.();
      await activity?.close();
    },
  };
}

const wordsOf = (config: Config): CallerWordsSettings => ({
  tones: {
    terminator: config.DTMF_TERMINATOR,
    most: config.DTMF_MAX_DIGITS,
    pauseMs: config.DTMF_PAUSE_MS,
  },
  endpoint: { pauseMs: config.ENDPOINT_PAUSE_MS },
});
