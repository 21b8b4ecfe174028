import { createHash } from 'node:crypto';

/** Namespace of the ids below: other uses of a correlation id give other UUIDs. */
const NAMESPACE = 'rtvoice/acs/repeatability/v1';

/**
 * The repeatability-request-id with which an incoming call is answered, rejected or redirected: the same
 * for each delivery of the same call on any worker, so that ACS does it once.
 * @param correlationId of the IncomingCall event.
 * @param action default `answer`; another action needs another id.
 * @returns a UUID (version 8, custom) made of SHA-256.
 */
export function repeatabilityIdFor(correlationId: string, action = 'answer'): string {
  const bytes = createHash('sha256')
    .update(`${NAMESPACE}\0${action}\0${correlationId}`)
    .digest()
    .subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
