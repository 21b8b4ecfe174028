import { AUTH_CODES } from '../codes.js';
import { asSafeId } from '../fields.js';
import { createJwksCache, type JwksSettings } from './jwks.js';
import { digest, LocalSeenTokens, type SeenTokens } from './seen-tokens.js';
import { type AuthResult, refused, verifyBearer } from './token.js';

/** Issuer of the tokens of callbacks and sockets. */
export const ACS_JWT_ISSUER = 'https://acscallautomation.communication.azure.com';

export interface AcsAuthSettings {
  /** ACS_RESOURCE_ID, the audience. */
  readonly resourceId: string;
  /** ACS_JWT_ISSUER. */
  readonly issuer?: string;
  /** ACS_JWKS_URL; default: the issuer's `/calling/keys`. */
  readonly jwksUrl?: string;
  /** Default 60. */
  readonly clockSkewS?: number;
  readonly jwks?: Omit<JwksSettings, 'url' | 'now'>;
  readonly seen?: SeenTokens;
  readonly now?: () => number;
}

/** Who may post callbacks and open sockets. */
export interface AcsVerifier {
  readonly enabled: boolean;
  /** A callback: the same token with the same body is a redelivery and passes, with another body it is refused. */
  callback(request: { readonly authorization: unknown; readonly body: Uint8Array }): Promise<AuthResult>;
  /** A socket: its token serves one call connection. */
  upgrade(request: {
    readonly authorization: unknown;
    readonly callConnectionId: unknown;
  }): Promise<AuthResult>;
  /** Reads the keys beforehand. False when they cannot be had now. */
  warm(): Promise<boolean>;
}

/** Verifies what ACS sends, by its JWT. */
export function createAcsVerifier(settings: AcsAuthSettings): AcsVerifier {
  const issuer = settings.issuer ?? ACS_JWT_ISSUER;
  const clock = settings.now ? { now: settings.now } : {};
  const jwks = createJwksCache({
    ...settings.jwks,
    ...clock,
    url: settings.jwksUrl ?? `${issuer}/calling/keys`,
  });
  const seen = settings.seen ?? new LocalSeenTokens(undefined, settings.now);
  const rules = {
    ...clock,
    key: jwks.key,
    issuer,
    audience: settings.resourceId,
    clockSkewS: settings.clockSkewS ?? 60,
  };
  const pass = async (authorization: unknown, purpose: string): Promise<AuthResult> => {
    const verified = await verifyBearer(authorization, rules);
    if (!verified.ok) return verified;
    const use = await seen.use(verified.token, purpose, verified.expMs);
    return use === 'other' ? refused(AUTH_CODES.replayed) : { ok: true };
  };
  return {
    enabled: true,
    callback: ({ authorization, body }) => pass(authorization, `callback ${digest(body)}`),
    upgrade: async ({ authorization, callConnectionId }) => {
      const id = asSafeId(callConnectionId);
      if (!id) {
        const verified = await verifyBearer(authorization, rules);
        return verified.ok ? refused(AUTH_CODES.malformed) : verified;
      }
      return pass(authorization, `socket ${id}`);
    },
    warm: () => jwks.refresh(),
  };
}

/** Lets everything pass: for development, by an explicit setting that production refuses. */
export const disabledAcsVerifier: AcsVerifier = {
  enabled: false,
  callback: () => Promise.resolve({ ok: true }),
  upgrade: () => Promise.resolve({ ok: true }),
  warm: () => Promise.resolve(true),
};
