/** What the commands that read the record share: the stores, the key, the audit log. */
import { revealTranscript } from '../actors/call-record.js';
import { RtvoiceError } from '../errors.js';
import { stateDirOf } from '../ops/stack-file.js';
import { localSeal, type Seal } from '../privacy/seal.js';
import { Analytics } from '../record/analytics.js';
import { AsideStore } from '../record/aside.js';
import { AuditLog } from '../record/audit-log.js';
import { type AuditDetail, auditKeyFrom } from '../record/audit-record.js';
import { ProfileStore } from '../record/profiles.js';
import { RecordReader } from '../record/reader.js';
import { RecordError } from '../record/record-port.js';
import { type Cosmos, cosmosFrom } from '../stores/cosmos/client.js';
import { CosmosArchive } from '../stores/cosmos/cosmos-archive.js';
import { CosmosRecords } from '../stores/cosmos/record-container.js';
import { cosmosSettings, stackSecret } from './provision.js';

/** RTVOICE_DATA_KEY, else that of the local stack. @throws RTV_SEAL_KEY_INVALID */
export function dataKeyOf(env: NodeJS.ProcessEnv = process.env): Buffer {
  const key = Buffer.from(env.RTVOICE_DATA_KEY || stackSecret(stateDirOf(env), 'dataKey') || '', 'base64');
  if (key.length !== 32) throw new RtvoiceError('RTV_SEAL_KEY_INVALID');
  return key;
}

/** Runs work on Cosmos DB. @throws RtvoiceError RTV_COSMOS_UNAVAILABLE, RTV_SEARCH_INVALID */
export async function withCosmos<T>(work: (cosmos: Cosmos) => Promise<T>): Promise<T> {
  const cosmos = await cosmosFrom(cosmosSettings());
  try {
    return await work(cosmos);
  } catch (cause) {
    if (!(cause instanceof RecordError)) throw cause;
    const invalid = cause.code === 'search_invalid' || cause.code === 'range_invalid';
    throw new RtvoiceError(invalid ? 'RTV_SEARCH_INVALID' : 'RTV_COSMOS_UNAVAILABLE', cause.message, {
      cause,
    });
  } finally {
    cosmos.close();
  }
}

export function readerOn(cosmos: Cosmos, seal: Seal): RecordReader {
  return new RecordReader({
    archive: new CosmosArchive(cosmos),
    profiles: new ProfileStore({ container: new CosmosRecords(cosmos, 'profiles') }),
    aside: new AsideStore(new CosmosRecords(cosmos, 'aside')),
    analytics: new Analytics(new CosmosRecords(cosmos, 'analytics')),
    open: ({ sessionId, turnId, transcript }) => revealTranscript(seal, sessionId, turnId, transcript),
  });
}

/**
 * Reads recorded data with its key. What is answered is given out only once the audit log has the access.
 * @throws RTV_AUDIT_UNAVAILABLE
 */
export function readRecord<T>(
  read: (reader: RecordReader) => Promise<T>,
  access: (found: T) => Access,
): Promise<T> {
  return auditedOnCosmos((cosmos, key) => read(readerOn(cosmos, localSeal(key))), access);
}

interface Access {
  readonly action: string;
  readonly sessionId?: string;
  readonly subjectHash?: string;
  readonly detail: AuditDetail;
}

/** Work on the record whose outcome is in the audit log before it is given out. @throws RTV_AUDIT_UNAVAILABLE */
export function auditedOnCosmos<T>(
  work: (cosmos: Cosmos, dataKey: Buffer) => Promise<T>,
  access: (found: T) => Access,
): Promise<T> {
  return withCosmos(async (cosmos) => {
    const key = dataKeyOf();
    const found = await work(cosmos, key);
    const audit = new AuditLog({ container: new CosmosRecords(cosmos, 'audit'), key: auditKeyFrom(key) });
    const written = audit.append({
      at: new Date().toISOString(),
      actor: 'cli',
      correlationId: `cli-${process.pid}-${Date.now()}`,
      ...access(found),
    });
    await audit.stop();
    if (!(await written).ok) throw new RtvoiceError('RTV_AUDIT_UNAVAILABLE');
    return found;
  });
}
