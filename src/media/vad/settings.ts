/** How sound becomes speech-start and speech-end. Times in ms, levels in dB, probabilities 0 to 1. */
export interface VoiceActivitySettings {
  /** How far above the noise floor sound must be to count, at least. */
  gateDb: number;
  /** The same in mean deviations of the noise from its floor: the larger of both holds. */
  gateDeviations: number;
  /** Share of that distance that keeps speech going once it has begun. */
  releasePart: number;
  /** Frames below this level (dBFS) are never speech. */
  minLevelDb: number;
  /** How long the gate stays open after the last loud frame. */
  gateHoldMs: number;
  /** A window at or above this probability counts towards an onset. */
  onset: number;
  /** One window at or above this probability is an onset by itself. */
  certain: number;
  /** Multiple of the gate's distance at which a sound is loud … */
  loudPart: number;
  /** … and this many loud windows in a row, of at least this probability, count towards an onset too. */
  loudWindows: number;
  loudProbability: number;
  /** Windows of 32 ms in a row that make an onset. */
  confirmWindows: number;
  /** Windows below this probability count towards the end of speech. */
  release: number;
  /** Silence after which speech has ended. */
  hangoverMs: number;
}

export const DEFAULT_SETTINGS: VoiceActivitySettings = {
  gateDb: 3.5,
  gateDeviations: 2.8,
  releasePart: 0.5,
  minLevelDb: -60,
  gateHoldMs: 240,
  onset: 0.4,
  certain: 0.7,
  loudPart: 2.2,
  loudWindows: 2,
  loudProbability: 0.02,
  confirmWindows: 2,
  release: 0.35,
  hangoverMs: 400,
};

/**
 * What differs in a call: endpointing is left to ACS's finals, so that for barge-in a short hangover tells a noise from
 * an interruption.
 */
export const BARGE_IN_VOICE: Partial<VoiceActivitySettings> = { hangoverMs: 180 };
