/** What an agent noted for its caller's profile: the slot `profile` of the conversation, sealed from here on. */
import type { Seal } from '../privacy/seal.js';

export interface Remembered {
  readonly language?: string;
  /** Running summary: takes the place of the one before. */
  readonly summary?: string;
  /** Kept only with the consent `preferences`. */
  readonly preferences?: Readonly<Record<string, unknown>>;
  /** What the caller allowed (true) or took back (false) in this call. */
  readonly consents?: Readonly<Record<string, boolean>>;
}

const recordId = (callId: string): string => `${callId}/remembered`;

/** Undefined where the agent noted nothing. */
export function sealRemembered(
  seal: Seal,
  callId: string,
  slots: Readonly<Record<string, unknown>>,
): string | undefined {
  return isRecord(slots.profile) ? seal.protect('profile', recordId(callId), slots.profile) : undefined;
}

/** An agent's note is checked field by field: what is no such thing is left out. */
export function openRemembered(seal: Seal, callId: string, sealed: string | undefined): Remembered {
  const value = sealed === undefined ? undefined : seal.reveal('profile', recordId(callId), sealed);
  if (!isRecord(value)) return {};
  const { language, summary, preferences, consents } = value;
  return {
    ...(typeof language === 'string' ? { language } : {}),
    ...(typeof summary === 'string' ? { summary } : {}),
    ...(isRecord(preferences) ? { preferences } : {}),
    ...(isRecord(consents) ? { consents: booleansOf(consents) } : {}),
  };
}

function booleansOf(values: Readonly<Record<string, unknown>>): Record<string, boolean> {
  const given = Object.entries(values).filter(
    (entry): entry is [string, boolean] => typeof entry[1] === 'boolean',
  );
  return Object.fromEntries(given);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
