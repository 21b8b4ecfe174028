/** Two frames of PCM16 as one hears them together; what is too loud is clipped. */
export function mix(one: Buffer | undefined, other: Buffer | undefined): Buffer | undefined {
  if (!one || !other) return one ?? other;
  const mixed = Buffer.alloc(one.length);
  for (let at = 0; at + 1 < one.length && at + 1 < other.length; at += 2) {
    const sum = one.readInt16LE(at) + other.readInt16LE(at);
    mixed.writeInt16LE(Math.max(-32768, Math.min(32767, sum)), at);
  }
  return mixed;
}
