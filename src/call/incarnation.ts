/** Ids that sort by time of birth: 48 bits of Unix ms and 32 random bits, 20 hex digits. */
import { randomBytes } from 'node:crypto';

export const newIncarnation = (nowMs: number): string =>
  nowMs.toString(16).padStart(12, '0') + randomBytes(4).toString('hex');

/** A short random id for commits, claims, attachments. */
export const newNonce = (): string => randomBytes(9).toString('base64url');
