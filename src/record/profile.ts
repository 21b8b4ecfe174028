/** A caller's profile. `subjectId` is a keyed hash, never a number or an ACS id. Pure rules. */
export interface Profile {
  readonly id: string;
  readonly subjectId: string;
  readonly callCount: number;
  /** ISO 8601. */
  readonly firstCallAt: string;
  readonly lastCallAt: string;
  readonly language?: string;
  readonly consents: Readonly<Record<string, Consent>>;
  /** Sealed. */
  readonly summary?: string;
  /** Sealed; kept only while consent `preferences` is given. */
  readonly preferences?: string;
  /** The last sessions, oldest first, at most `SESSIONS_KEPT`: what makes an update count once. */
  readonly sessions: readonly string[];
  readonly schema: 1;
}

export interface Consent {
  readonly granted: boolean;
  /** ISO 8601. */
  readonly at: string;
}

/** What one call adds to a profile. Sealed fields come sealed. */
export interface CallFacts {
  readonly subjectId: string;
  readonly sessionId: string;
  readonly endedAt: string;
  readonly language?: string;
  readonly consents?: Readonly<Record<string, Consent>>;
  readonly summary?: string;
  readonly preferences?: string;
}

/** A session that comes again after this many others would count twice. */
export const SESSIONS_KEPT = 200;
/** The consent without which preferences are not kept. */
const PREFERENCES_CONSENT = 'preferences';

/** The profile after a call. The same call twice changes nothing; calls may come in any order. */
export function applyCall(profile: Profile | undefined, call: CallFacts): Profile {
  if (profile?.sessions.includes(call.sessionId)) return profile;
  const before = profile ?? newProfile(call);
  const isEarliest = call.endedAt < before.firstCallAt;
  const isLatest = call.endedAt >= before.lastCallAt;
  const consents = mergeConsents(before.consents, call.consents ?? {});
  const mayPrefer = consents[PREFERENCES_CONSENT]?.granted === true;
  const preferences = (isLatest ? call.preferences : undefined) ?? before.preferences ?? call.preferences;
  const language = (isLatest ? call.language : undefined) ?? before.language ?? call.language;
  const summary = (isLatest ? call.summary : undefined) ?? before.summary ?? call.summary;
  return {
    id: before.id,
    subjectId: before.subjectId,
    callCount: before.callCount + 1,
    firstCallAt: isEarliest ? call.endedAt : before.firstCallAt,
    lastCallAt: isLatest ? call.endedAt : before.lastCallAt,
    consents,
    sessions: [...before.sessions, call.sessionId].slice(-SESSIONS_KEPT),
    schema: 1,
    ...(language === undefined ? {} : { language }),
    ...(summary === undefined ? {} : { summary }),
    ...(mayPrefer && preferences !== undefined ? { preferences } : {}),
  };
}

function newProfile(call: CallFacts): Profile {
  return {
    id: call.subjectId,
    subjectId: call.subjectId,
    callCount: 0,
    firstCallAt: call.endedAt,
    lastCallAt: call.endedAt,
    consents: {},
    sessions: [],
    schema: 1,
  };
}

/** The later word on each consent counts; at the same instant a refusal does. */
function mergeConsents(
  known: Readonly<Record<string, Consent>>,
  said: Readonly<Record<string, Consent>>,
): Record<string, Consent> {
  const merged: Record<string, Consent> = { ...known };
  for (const [name, consent] of Object.entries(said)) {
    const before = Object.hasOwn(merged, name) ? merged[name] : undefined;
    const isLater = before === undefined || consent.at > before.at;
    if (isLater || (consent.at === before.at && !consent.granted)) merged[name] = consent;
  }
  return merged;
}

/** Narrows what was read; undefined for anything else. */
export function parseProfile(value: unknown): Profile | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const fields = value as Record<string, unknown>;
  const known =
    typeof fields.subjectId === 'string' &&
    typeof fields.callCount === 'number' &&
    typeof fields.lastCallAt === 'string' &&
    Array.isArray(fields.sessions) &&
    fields.schema === 1;
  return known ? (value as Profile) : undefined;
}
