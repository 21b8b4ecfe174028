import { AUTH_CODES } from '../codes.js';
import type { RequestHeaders } from '../incoming.js';
import { createJwksCache, type JwksSettings } from './jwks.js';
import { isOneOf } from './secret.js';
import { type AuthResult, refused, verifyBearer } from './token.js';

export const EVENT_GRID_KEY_HEADER = 'x-rtvoice-eventgrid-key';

/** How Event Grid proves itself. */
export type EventGridAuthSettings =
  | {
      readonly mode: 'secret';
      /** Current secret first, then those that still count. */
      readonly secrets: readonly string[];
      /** Header of a delivery property; any case. */
      readonly headerName?: string;
      /** Query parameter of the webhook address. */
      readonly queryName?: string;
    }
  | {
      readonly mode: 'entra';
      readonly issuer: string | readonly string[];
      readonly audience: string | readonly string[];
      readonly jwksUrl: string;
      /** Application ids that may send; all of the tenant when absent. */
      readonly appIds?: readonly string[];
      readonly clockSkewS?: number;
      readonly jwks?: Omit<JwksSettings, 'url'>;
    }
  /** Development only. */
  | { readonly mode: 'disabled' };

export interface EventGridVerifier {
  readonly enabled: boolean;
  /** @param query of the request address; a secret in it must stay out of access logs. */
  verify(headers: RequestHeaders, query: URLSearchParams): Promise<AuthResult>;
}

/** @throws RangeError for a mode `secret` without a secret of 16 characters: it would let guesses in. */
export function createEventGridVerifier(settings: EventGridAuthSettings): EventGridVerifier {
  switch (settings.mode) {
    case 'secret':
      return secretVerifier(settings);
    case 'entra':
      return entraVerifier(settings);
    default:
      return { enabled: false, verify: () => Promise.resolve({ ok: true }) };
  }
}

function secretVerifier(settings: EventGridAuthSettings & { mode: 'secret' }): EventGridVerifier {
  const header = (settings.headerName ?? EVENT_GRID_KEY_HEADER).toLowerCase();
  const parameter = settings.queryName ?? 'code';
  if (settings.secrets.length === 0 || settings.secrets.some((secret) => secret.length < 16)) {
    throw new RangeError('Event Grid secrets have at least 16 characters');
  }
  return {
    enabled: true,
    verify: (headers, query) => {
      const given = headers[header] ?? query.get(parameter) ?? undefined;
      if (given === undefined) return Promise.resolve(refused(AUTH_CODES.missing));
      const fits = typeof given === 'string' && given.length <= 1024 && isOneOf(given, settings.secrets);
      return Promise.resolve(fits ? { ok: true } : refused(AUTH_CODES.secret));
    },
  };
}

function entraVerifier(settings: EventGridAuthSettings & { mode: 'entra' }): EventGridVerifier {
  const jwks = createJwksCache({ ...settings.jwks, url: settings.jwksUrl });
  const { issuer, audience, appIds, clockSkewS = 60 } = settings;
  return {
    enabled: true,
    verify: async (headers) => {
      const verified = await verifyBearer(headers.authorization, {
        key: jwks.key,
        issuer,
        audience,
        clockSkewS,
      });
      if (!verified.ok) return verified;
      const appId = verified.payload.azp ?? verified.payload.appid;
      // Event Grid uses one token for many deliveries: no rule against using it again.
      if (appIds && !(typeof appId === 'string' && appIds.includes(appId))) return refused(AUTH_CODES.claim);
      return { ok: true };
    },
  };
}
