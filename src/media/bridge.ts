/** What the agent says to a caller who had heard nobody for a while: it is back. Sound of the line, no turn. */
import type { SampleRate } from '../audio/pcm.js';
import type { ConversationContext } from '../memory/context.js';
import type { SessionServices } from './session-services.js';

/** A gap that the caller noticed, ms. */
export const BRIDGE_AFTER_MS = 1_500;
/** It is kept in memory; where it is not, it is not waited for, ms. */
const BRIDGE_SPEECH_MS = 500;

/** @returns PCM; undefined where it is not at hand: the talk goes on without it */
export async function bridgeSpeech(
  { voice, texts, speakers, metrics }: SessionServices,
  context: ConversationContext,
  sampleRate: SampleRate,
): Promise<Buffer | undefined> {
  const speaker = speakers.of(context);
  metrics.bridged();
  try {
    const text = texts.of(speaker.language).bridge;
    return (await voice.speak(text, sampleRate, AbortSignal.timeout(BRIDGE_SPEECH_MS), speaker)).pcm;
  } catch {
    return undefined;
  }
}
