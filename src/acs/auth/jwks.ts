import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { asObject, type JsonObject } from '../fields.js';

export interface JwksSettings {
  /** Address of the JSON Web Key Set. */
  readonly url: string;
  /** Keys older than this are read again, ms. Default 10 min. */
  readonly maxAgeMs?: number;
  /** Shortest time between two reads, failed ones too, ms. Default 30 s: an unknown key id cannot cause more. */
  readonly cooldownMs?: number;
  /** How long old keys serve while no new ones can be had, ms. Default 24 h. */
  readonly staleMs?: number;
  /** Deadline of one read, ms. Default 3 s. */
  readonly timeoutMs?: number;
  /** Unix ms; a test may give its own. */
  readonly now?: () => number;
}

/** No keys to verify with: the sender may try again later. */
export class KeysUnavailable extends Error {}

export interface JwksCache {
  /** The key of an id (without one: the only key there is); undefined: there is none. Rejects with KeysUnavailable. */
  key(kid: string | undefined): Promise<KeyObject | undefined>;
  /** Reads the keys now, e.g. before the worker is ready. False when they could not be read. */
  refresh(): Promise<boolean>;
}

/** RSA keys for signatures, by key id. */
type Keys = ReadonlyMap<string | undefined, KeyObject>;

const MAX_BYTES = 256 * 1024;
const MAX_KEYS = 64;
/** RFC 7518, 3.3: a key of RS256 has 2048 bits or more. */
const MIN_BITS = 2048;

/**
 * Keys of an issuer, kept and rotated: read again when they are old or when a token names a key that they
 * have not, at most once in the cool-down; old keys serve on when a read fails.
 */
export function createJwksCache(settings: JwksSettings): JwksCache {
  const { url, maxAgeMs = 600_000, cooldownMs = 30_000, staleMs = 86_400_000, timeoutMs = 3000 } = settings;
  const now = settings.now ?? Date.now;
  let keys: Keys | undefined;
  let readAtMs = Number.NEGATIVE_INFINITY;
  let triedAtMs = Number.NEGATIVE_INFINITY;
  let reading: Promise<boolean> | undefined;

  const read = async (): Promise<boolean> => {
    triedAtMs = now();
    try {
      keys = await fetchKeys(url, timeoutMs);
      readAtMs = now();
      return true;
    } catch {
      return false;
    }
  };
  const refresh = (): Promise<boolean> => {
    reading ??= read().finally(() => {
      reading = undefined;
    });
    return reading;
  };
  /** Reads again unless that was just tried. */
  const refreshIfCool = async (): Promise<boolean> => {
    if (!reading && now() - triedAtMs < cooldownMs) return false;
    return refresh();
  };

  return {
    refresh,
    async key(kid) {
      const age = now() - readAtMs;
      // Old but usable keys answer at once, new ones are fetched beside.
      if (!keys || age > staleMs) await refreshIfCool();
      else if (age > maxAgeMs) void refreshIfCool();
      if (!keys || now() - readAtMs > staleMs) throw new KeysUnavailable('no signing keys');
      const found = keyOf(keys, kid);
      // Rotated: the issuer may have a key that came after the last read.
      if (found || !(await refreshIfCool())) return found;
      return keyOf(keys, kid);
    },
  };
}

async function fetchKeys(url: string, timeoutMs: number): Promise<Keys> {
  const response = await fetch(url, {
    signal: AbortSignal.timeout(timeoutMs),
    redirect: 'error',
    headers: { accept: 'application/json' },
  });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  if (response.body) {
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      bytes += chunk.byteLength;
      if (bytes > MAX_BYTES) throw new Error('key set too large');
      chunks.push(chunk);
    }
  }
  if (!response.ok) throw new Error(`key set answered ${response.status}`);
  const set = asObject(JSON.parse(Buffer.concat(chunks).toString('utf8')));
  const list = set?.keys;
  if (!Array.isArray(list) || list.length === 0 || list.length > MAX_KEYS) throw new Error('no key set');
  const keys = new Map((list as unknown[]).flatMap((entry) => readKey(asObject(entry) ?? {})));
  if (keys.size === 0) throw new Error('no RSA key');
  return keys;
}

const keyOf = (keys: Keys, kid: string | undefined): KeyObject | undefined =>
  kid === undefined && keys.size === 1 ? [...keys.values()][0] : keys.get(kid);

/**
 * A key that may verify RS256. Symmetric or private keys in a public set are a mistake of the issuer: none of them may
 * verify anything, nor may one for encryption or for another algorithm.
 */
function readKey(jwk: JsonObject): [string | undefined, KeyObject][] {
  const { kid, kty, n, e, d, use = 'sig', alg = 'RS256' } = jwk;
  if (kty !== 'RSA' || d !== undefined || use !== 'sig' || alg !== 'RS256') return [];
  if (kid !== undefined && typeof kid !== 'string') return [];
  try {
    const key = createPublicKey({ key: { kty, n, e } as JsonWebKey, format: 'jwk' });
    return (key.asymmetricKeyDetails?.modulusLength ?? 0) >= MIN_BITS ? [[kid, key]] : [];
  } catch {
    return [];
  }
}
