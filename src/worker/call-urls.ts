/** The addresses that ACS is given for a call. Each holds a token that only this deployment can make. */
import { hkdfSync } from 'node:crypto';
import { mintCallToken, readCallToken } from '../acs/auth/call-token.js';
import type { Config } from '../config.js';

export interface CallUrls {
  readonly callback: string;
  readonly media: string;
  readonly transcription: string;
}

export interface CallAddresses {
  of(correlationId: string): CallUrls;
  /** The correlation id of a token of ours; undefined: not of our making. */
  read(token: string): string | undefined;
}

/** @param dataKey the secret of the URLs is derived from it where RTVOICE_URL_SECRET is not set */
export function callAddresses(
  config: Pick<Config, 'PUBLIC_BASE_URL' | 'RTVOICE_URL_SECRET'>,
  dataKey: Buffer,
): CallAddresses {
  const secret = config.RTVOICE_URL_SECRET
    ? Buffer.from(config.RTVOICE_URL_SECRET)
    : Buffer.from(hkdfSync('sha256', dataKey, Buffer.alloc(0), 'rtvoice url v1', 32));
  const { protocol, host, origin } = new URL(config.PUBLIC_BASE_URL);
  const sockets = `${protocol === 'https:' ? 'wss' : 'ws'}://${host}`;
  return {
    of(correlationId) {
      const token = mintCallToken(secret, correlationId);
      return {
        callback: `${origin}/acs/callbacks/${token}`,
        media: `${sockets}/acs/media/${token}`,
        transcription: `${sockets}/acs/transcription/${token}`,
      };
    },
    read: (token) => readCallToken(secret, token),
  };
}
