/**
 * The one seam through which personal data leaves the process: protect(record) / reveal(record).
 *
 * A sealed value is text: `v1.` + base64url(nonce 12 B | ciphertext | tag 16 B), AES-256-GCM. The first part is
 * the version; later versions (keys per subject, masking first) come into the same seam. The purpose and the id
 * of the record are authenticated, so a value moved to another record or field does not open.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { RtvoiceError } from '../errors.js';

/** What a value is for; part of the authenticated data. */
export type Purpose = 'turn' | 'context' | 'auth' | 'summary' | 'profile' | 'speech' | 'saying' | 'session';

export interface Seal {
  /** Seals any JSON value for one record. */
  protect(purpose: Purpose, id: string, value: unknown): string;
  /** Opens it again. @throws RTV_SEAL_BROKEN, RTV_RECORD_UNREADABLE (version or shape unknown). */
  reveal(purpose: Purpose, id: string, sealed: string): unknown;
  /** The same for bytes (cached speech): version byte 1, then nonce, ciphertext, tag. */
  protectBytes(purpose: Purpose, id: string, value: Buffer): Buffer;
  revealBytes(purpose: Purpose, id: string, sealed: Buffer): Buffer;
  /** Keyed hash of an identifying value (a caller's number): 32 hex digits; not reversible without the key. */
  pseudonym(kind: string, value: string): string;
}

const VERSION = 1;
const TEXT_PREFIX = `v${VERSION}.`;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A seal with one local 32-byte key. @throws RTV_SEAL_KEY_INVALID */
export function localSeal(key: Buffer): Seal {
  if (key.length !== 32) throw new RtvoiceError('RTV_SEAL_KEY_INVALID');
  const derive = (info: string): Buffer => Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), info, 32));
  const sealKey = derive('rtvoice seal v1');
  const hashKey = derive('rtvoice pseudonym v1');

  const encrypt = (purpose: Purpose, id: string, plain: Buffer): Buffer => {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', sealKey, nonce);
    cipher.setAAD(Buffer.from(`${purpose}\n${id}`));
    return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  };

  const decrypt = (purpose: Purpose, id: string, sealed: Buffer): Buffer => {
    if (sealed.length < NONCE_BYTES + TAG_BYTES) throw new RtvoiceError('RTV_RECORD_UNREADABLE', 'too short');
    const decipher = createDecipheriv('aes-256-gcm', sealKey, sealed.subarray(0, NONCE_BYTES));
    decipher.setAAD(Buffer.from(`${purpose}\n${id}`));
    decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
    try {
      const body = sealed.subarray(NONCE_BYTES, sealed.length - TAG_BYTES);
      return Buffer.concat([decipher.update(body), decipher.final()]);
    } catch (cause) {
      throw new RtvoiceError('RTV_SEAL_BROKEN', purpose, { cause });
    }
  };

  return {
    protect: (purpose, id, value) =>
      TEXT_PREFIX + encrypt(purpose, id, Buffer.from(JSON.stringify(value ?? null))).toString('base64url'),
    reveal: (purpose, id, sealed) => {
      if (!sealed.startsWith(TEXT_PREFIX))
        throw new RtvoiceError('RTV_RECORD_UNREADABLE', 'unknown seal version');
      const bytes = Buffer.from(sealed.slice(TEXT_PREFIX.length), 'base64url');
      return JSON.parse(decrypt(purpose, id, bytes).toString('utf8')) as unknown;
    },
    protectBytes: (purpose, id, value) => Buffer.concat([Buffer.of(VERSION), encrypt(purpose, id, value)]),
    revealBytes: (purpose, id, sealed) => {
      if (sealed[0] !== VERSION) throw new RtvoiceError('RTV_RECORD_UNREADABLE', 'unknown seal version');
      return decrypt(purpose, id, sealed.subarray(1));
    },
    pseudonym: (kind, value) =>
      createHmac('sha256', hashKey).update(`${kind}\n${value}`).digest('hex').slice(0, 32),
  };
}
