import { RtvoiceError } from '../errors.js';
import { localSeal, type Seal } from '../privacy/seal.js';

let made: { readonly key: string; readonly seal: Seal } | undefined;

/** The seal with the key of RTVOICE_DATA_KEY, as the workers use it. @throws RtvoiceError RTV_SEAL_KEY_INVALID */
export function defaultSeal(env: Readonly<Record<string, string | undefined>> = process.env): Seal {
  const key = env.RTVOICE_DATA_KEY;
  if (!key)
    throw new RtvoiceError('RTV_SEAL_KEY_INVALID', 'RTVOICE_DATA_KEY is not set, and no seal was given');
  if (made?.key !== key) made = { key, seal: localSeal(Buffer.from(key, 'base64')) };
  return made.seal;
}
