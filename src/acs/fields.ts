/**
 * Readers of single fields of JSON that anyone may have sent. Each gives the value in bounds or
 * undefined, none throws. A field that is too long is left out rather than cut: a cut id is another id.
 */

export type JsonObject = Readonly<Record<string, unknown>>;

/** Ids that become parts of keys, paths and actor names. */
const SAFE_ID = /^[A-Za-z0-9][A-Za-z0-9_.~-]{0,127}$/;

export function asObject(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined;
}

/** A non-empty string of at most `max` UTF-16 units. */
export function asText(value: unknown, max: number): string | undefined {
  return typeof value === 'string' && value.length > 0 && value.length <= max ? value : undefined;
}

/** Like {@link asText}, but cut at `max`: for texts that only people read. */
export function asProse(value: unknown, max: number): string | undefined {
  return typeof value === 'string' && value.length > 0 ? value.slice(0, max) : undefined;
}

/** An id of 1–128 characters that is safe in a Redis key, a path and an actor id. */
export function asSafeId(value: unknown): string | undefined {
  return typeof value === 'string' && SAFE_ID.test(value) ? value : undefined;
}

/** A safe integer; digits in a string are taken too, for ACS has sent codes both ways. */
export function asInteger(value: unknown): number | undefined {
  const number =
    typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : (value as number | undefined);
  return Number.isSafeInteger(number) ? number : undefined;
}

export function asBoolean(value: unknown): boolean | undefined {
  return typeof value === 'boolean' ? value : undefined;
}

export function asFinite(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** An ISO date as ms since the epoch. */
export function asTimeMs(value: unknown): number | undefined {
  if (typeof value !== 'string' || value.length > 64) return undefined;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? undefined : ms;
}

/** Object without its undefined fields: with exactOptionalPropertyTypes an absent field is absent. */
export function compact<T extends object>(object: T): Compact<T> {
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(object)) {
    if (value !== undefined) out[key] = value;
  }
  return out as Compact<T>;
}

type Optional<T> = { [K in keyof T]: undefined extends T[K] ? K : never }[keyof T];
export type Compact<T> = Omit<T, Optional<T>> & { [K in Optional<T>]?: Exclude<T[K], undefined> };

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** JSON of a request body, or undefined when it is not UTF-8 or not JSON. */
export function parseJson(body: Uint8Array): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(utf8.decode(body)) };
  } catch {
    return undefined;
  }
}
