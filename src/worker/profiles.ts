/** Profiles in Cosmos, as SubjectActor writes them and calls read them. */
import type { CallSummary } from '../actors/ports.js';
import { openRemembered } from '../actors/remembered.js';
import type { Profiles } from '../actors/subject-actor.js';
import type { CallLink } from '../media/ports.js';
import type { Seal } from '../privacy/seal.js';
import type { Consent, Profile } from '../record/profile.js';
import type { ProfileStore } from '../record/profiles.js';
import type { ProfileCache } from './profile-cache.js';

/** What an agent is told of a caller: `values.caller` of the context. */
export interface KnownCaller {
  readonly callCount: number;
  readonly lastCallAt: string;
  readonly language?: string;
  readonly summary?: string;
  readonly preferences?: unknown;
}

export interface ProfileParts {
  readonly store: ProfileStore;
  readonly cache: ProfileCache;
  readonly seal: Seal;
  /** Where the agent noted none. */
  readonly language: string;
}

const SUMMARY = 'summary';
const PREFERENCES = 'preferences';
const fieldId = (subjectId: string, field: string): string => `${subjectId}/${field}`;

export function createProfiles({ store, cache, seal, language }: ProfileParts): Profiles {
  return {
    async recordCall(subjectId, call: CallSummary) {
      const sessionId = call.callConnectionId;
      const endedAt = call.disconnectedAt ?? new Date().toISOString();
      const noted = openRemembered(seal, sessionId, call.remembered);
      const sealed = (field: string, value: unknown): Record<string, string> =>
        value === undefined ? {} : { [field]: seal.protect('profile', fieldId(subjectId, field), value) };
      const profile = await store.recordCall({
        subjectId,
        sessionId,
        endedAt,
        language: noted.language ?? language,
        consents: consentsOf(noted.consents ?? {}, endedAt),
        ...sealed(SUMMARY, noted.summary),
        ...sealed(PREFERENCES, noted.preferences),
      });
      await cache.put(profile);
    },
  };
}

function consentsOf(said: Readonly<Record<string, boolean>>, at: string): Record<string, Consent> {
  return Object.fromEntries(Object.entries(said).map(([name, granted]) => [name, { granted, at }]));
}

/** A profile with its sealed fields opened. What cannot be opened (erased, another key) is left out. */
export function knownCaller(seal: Seal, profile: Profile): KnownCaller {
  const { subjectId, callCount, lastCallAt, language } = profile;
  const field = (name: string, sealed: string | undefined): unknown => {
    try {
      return sealed === undefined ? undefined : seal.reveal('profile', fieldId(subjectId, name), sealed);
    } catch {
      return undefined;
    }
  };
  const summary = field(SUMMARY, profile.summary);
  const preferences = field(PREFERENCES, profile.preferences);
  return {
    callCount,
    lastCallAt,
    ...(language === undefined ? {} : { language }),
    ...(typeof summary === 'string' ? { summary } : {}),
    ...(preferences === undefined ? {} : { preferences }),
  };
}

/** The line to the actor, with the caller's profile in what an attachment brings; it waits for it until its deadline. */
export function linkWithProfiles(link: CallLink, cache: ProfileCache, seal: Seal): CallLink {
  return {
    ...link,
    async attach(callId, origin, previous) {
      const attached = await link.attach(callId, origin, previous);
      if (!attached.ok || attached.origin.subjectId === undefined) return attached;
      const { profile } = await cache.read(attached.origin.subjectId);
      if (profile === undefined) return attached;
      const { context } = attached;
      const values = { ...context.values, caller: knownCaller(seal, profile) };
      return { ...attached, context: { ...context, values } };
    },
  };
}
