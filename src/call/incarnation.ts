/** Ids that sort by time of birth: 48 bits of Unix ms and 32 random bits, 20 hex digits. */
import { randomBytes } from 'node:crypto';

export const newIncarnation = (nowMs: number): string =>
  nowMs.toString(16).padStart(12, '0') + randomBytes(4).toString('hex');

/** When an incarnation was made, Unix ms; NaN for what is none. */
export const bornAtMs = (incarnation: string): number => Number.parseInt(incarnation.slice(0, 12), 16);

/** A short random id for commits, claims, attachments. */
export const newNonce = (): string => randomBytes(9).toString('base64url');
