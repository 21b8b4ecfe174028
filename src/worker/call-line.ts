/** What the actor asks of ACS about its call: state, and streams that broke. Asked for, never waited for. */
import type { AcsClient, AcsResult } from '../acs/client-types.js';
import type { CallLine } from '../actors/ports.js';
import type { Logger } from '../ops/log.js';

const STATES: Readonly<Record<string, 'connecting' | 'connected' | 'disconnected'>> = {
  connecting: 'connecting',
  connected: 'connected',
  transferring: 'connected',
  transferAccepted: 'connected',
  disconnecting: 'disconnected',
  disconnected: 'disconnected',
};

/** ACS: the media action does not fit the stream's state (8583), here: it is active already. */
const INCOMPATIBLE = 412;
const GONE = 404;
/** A stream that ACS was asked to start may be opening its socket for so long: to stop it now would break that, ms. */
const OPENING_MS = 2_500;

type Ask = () => Promise<AcsResult<void>>;

/** @param gone ACS does not know the call any more */
export function createCallLine(
  acs: AcsClient,
  log: Logger,
  gone: (callId: string) => void,
): CallLine & { idle(): Promise<void> } {
  const asked = new Map<string, Promise<void>>();
  /** When ACS last took a start, by stream; only those that may still be opening. */
  const opening = new Map<string, number>();
  const isOpening = (key: string): boolean => {
    const now = performance.now();
    for (const [held, since] of opening) if (now - since > OPENING_MS) opening.delete(held);
    return opening.has(key);
  };
  const restart = async (
    callId: string,
    what: string,
    active: boolean,
    stop: Ask,
    start: Ask,
  ): Promise<void> => {
    const key = `${what} ${callId}`;
    if (active) await stop();
    let answer = await start();
    if (!answer.ok && answer.status === INCOMPATIBLE) {
      if (isOpening(key)) return;
      await stop();
      answer = await start();
    }
    if (answer.ok) {
      opening.set(key, performance.now());
      return;
    }
    if (answer.status === GONE) gone(callId);
    else log.warn({ callId, what, code: answer.code }, 'ACS did not restart the stream');
  };
  const ask = (callId: string, what: string, active: boolean, stop: Ask, start: Ask): void => {
    const key = `${what} ${callId}`;
    // Once more on top of what is under way would stop what that one starts.
    if (asked.has(key)) return;
    const asking = restart(callId, what, active, stop, start)
      .catch(() => undefined)
      .finally(() => asked.delete(key));
    asked.set(key, asking);
  };
  return {
    /** A worker that ends must not leave a stream stopped and not started again. */
    async idle() {
      await Promise.all(asked.values());
    },
    async state(callId) {
      const answer = await acs.properties(callId);
      if (answer.ok) return STATES[answer.value.state] ?? 'unknown';
      return answer.status === GONE ? 'disconnected' : 'unknown';
    },
    restartMedia: (callId, stream) =>
      ask(
        callId,
        'media',
        stream === 'active',
        () => acs.stopMediaStreaming(callId),
        () => acs.startMediaStreaming(callId),
      ),
    restartTranscription: (callId, stream) =>
      ask(
        callId,
        'transcription',
        stream === 'active',
        () => acs.stopTranscription(callId),
        () => acs.startTranscription(callId),
      ),
  };
}
