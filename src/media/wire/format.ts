const PREFIX = Buffer.from('{"kind":"audioData","audioData":{"data":"', 'latin1');
const SUFFIX = Buffer.from('","isSilent":false},"stopAudio":{}}', 'latin1');

/** Tells ACS to discard what it has buffered for the caller. */
export const STOP_AUDIO: Buffer = Buffer.from('{"kind":"stopAudio","stopAudio":{}}', 'latin1');

/**
 * One outgoing audio message, as UTF-8 text, of PCM16 mono at the rate of the socket. The buffer is new: a
 * WebSocket may hold it until the network takes it.
 */
export function formatAudio(pcm: Buffer): Buffer {
  const base64Bytes = Math.ceil(pcm.length / 3) * 4;
  const message = Buffer.allocUnsafe(PREFIX.length + base64Bytes + SUFFIX.length);
  PREFIX.copy(message, 0);
  message.write(pcm.toString('base64'), PREFIX.length, 'latin1');
  SUFFIX.copy(message, PREFIX.length + base64Bytes);
  return message;
}
