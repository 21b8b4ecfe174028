/** Security events of a worker: counted by code and door, logged without token (at a bounded rate), told to an audit log. */

import { createEventGridVerifier, type EventGridVerifier } from '../acs/auth/event-grid.js';
import type { AcsAuthSettings, AcsVerifier } from '../acs/auth/jwt.js';
import { createAcsVerifier, disabledAcsVerifier } from '../acs/auth/jwt.js';
import type { SeenTokens } from '../acs/auth/seen-tokens.js';
import { type Config, isAcsAuthOn } from '../config.js';
import type { SecurityEvent, SecurityEvents } from '../http/authenticate.js';
import type { Logger } from '../ops/log.js';
import type { Metrics } from '../ops/metrics.js';

/** Log lines a second; the rest is counted only. A flood at a door must not become a flood of the log. */
const LINES_A_SECOND = 20;

export function createSecurityEvents(
  metrics: Metrics,
  log: Logger,
  audit?: (event: SecurityEvent) => void,
): SecurityEvents {
  let second = 0;
  let lines = 0;
  return {
    record(event) {
      metrics.securityEvents.add(1, { code: event.code, door: event.door });
      audit?.(event);
      const now = Math.floor(performance.now() / 1000);
      if (now !== second) {
        second = now;
        lines = 0;
      }
      lines += 1;
      if (lines <= LINES_A_SECOND) log.warn(event, 'refused at the door');
    },
  };
}

/** Reads the signing keys again until they are there, ms. */
const KEYS_RETRY_MS = 1_000;

/** The ACS verifier of the settings, reading its keys ahead; `stop` ends that. */
export function createAcsDoor(
  config: Config,
  seen: SeenTokens,
  log: Logger,
): { readonly verifier: AcsVerifier; stop(): void } {
  if (!isAcsAuthOn(config) || !config.ACS_RESOURCE_ID) {
    log.warn(
      { code: 'RTV_ACS_AUTH_OFF' },
      'ACS_AUTH is off: callbacks and sockets are guarded by the secret in their URLs alone. Set ACS_RESOURCE_ID.',
    );
    return { verifier: disabledAcsVerifier, stop: () => undefined };
  }
  const settings: AcsAuthSettings = {
    resourceId: config.ACS_RESOURCE_ID,
    ...(config.ACS_JWT_ISSUER ? { issuer: config.ACS_JWT_ISSUER } : {}),
    ...(config.ACS_JWKS_URL ? { jwksUrl: config.ACS_JWKS_URL } : {}),
    // A stranger's key id may cost a read this often, and a rotated key is known this soon.
    jwks: { cooldownMs: 5_000 },
    seen,
  };
  const verifier = createAcsVerifier(settings);
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const warm = async (): Promise<void> => {
    if ((await verifier.warm()) || stopped) return;
    log.warn({ code: 'RTV_AUTH_KEYS_UNAVAILABLE' }, 'the signing keys of ACS cannot be read yet');
    timer = setTimeout(() => void warm(), KEYS_RETRY_MS).unref();
  };
  void warm();
  return {
    verifier,
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

const ENTRA = 'https://login.microsoftonline.com';

/** How Event Grid proves itself, by the settings: a shared secret, Entra ID, or (development) not at all. */
export function createEventGridDoor(config: Config, log: Logger): EventGridVerifier {
  const { EVENT_GRID_TENANT_ID: tenant, EVENT_GRID_AUDIENCE: audience } = config;
  if (tenant && audience) {
    const authority = `${(config.EVENT_GRID_AUTHORITY ?? ENTRA).replace(/\/+$/, '')}/${tenant}`;
    return createEventGridVerifier({
      mode: 'entra',
      // Tokens of version 1 have an issuer of their own in the public cloud.
      issuer: [`${authority}/v2.0`, `https://sts.windows.net/${tenant}/`],
      audience,
      jwksUrl: `${authority}/discovery/v2.0/keys`,
      ...(config.EVENT_GRID_APP_IDS.length > 0 ? { appIds: config.EVENT_GRID_APP_IDS } : {}),
    });
  }
  if (config.EVENT_GRID_SECRET.length > 0) {
    return createEventGridVerifier({ mode: 'secret', secrets: config.EVENT_GRID_SECRET });
  }
  log.warn(
    { code: 'RTV_EVENT_GRID_OPEN' },
    'EVENT_GRID_SECRET is not set: anyone may post incoming calls here (development only)',
  );
  return createEventGridVerifier({ mode: 'disabled' });
}
