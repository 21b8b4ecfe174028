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

type Ask = () => Promise<AcsResult<void>>;

/** @param gone ACS does not know the call any more */
export function createCallLine(
  acs: AcsClient,
  log: Logger,
  gone: (callId: string) => void,
): CallLine & { idle(): Promise<void> } {
  const asked = new Set<Promise<void>>();
  const restart = async (
    callId: string,
    what: string,
    active: boolean,
    stop: Ask,
    start: Ask,
  ): Promise<void> => {
    if (active) await stop();
    let answer = await start();
    if (!answer.ok && answer.status === INCOMPATIBLE) {
      await stop();
      answer = await start();
    }
    if (answer.ok) return;
    if (answer.status === GONE) gone(callId);
    else log.warn({ callId, what, code: answer.code }, 'ACS did not restart the stream');
  };
  const ask = (callId: string, what: string, active: boolean, stop: Ask, start: Ask): void => {
    const asking = restart(callId, what, active, stop, start)
      .catch(() => undefined)
      .finally(() => asked.delete(asking));
    asked.add(asking);
  };
  return {
    /** A worker that ends must not leave a stream stopped and not started again. */
    async idle() {
      await Promise.all(asked);
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
