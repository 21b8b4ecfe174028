/** What the actor asks of ACS about its call: state, and streams that broke. Asked for, never waited for. */

import type { AcsClient } from '../acs/client-types.js';
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

export function createCallLine(acs: AcsClient, log: Logger): CallLine {
  const ask = (callId: string, what: string, work: Promise<{ ok: boolean; code?: string }>): void => {
    work.then(
      (answer) => {
        if (!answer.ok) log.warn({ callId, what, code: answer.code }, 'ACS refused');
      },
      () => undefined,
    );
  };
  return {
    async state(callId) {
      const answer = await acs.properties(callId);
      if (answer.ok) return STATES[answer.value.state] ?? 'unknown';
      return answer.status === 404 ? 'disconnected' : 'unknown';
    },
    restartMedia: (callId) => ask(callId, 'startMediaStreaming', acs.startMediaStreaming(callId)),
    restartTranscription: (callId) => ask(callId, 'startTranscription', acs.startTranscription(callId)),
  };
}
