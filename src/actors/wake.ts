/** Wakes the owner of a call, wherever it lives. */
import type { WakeOutcome } from '../ops/ttl-audit.js';
import { CALL_ACTOR } from './call-messages.js';
import type { ActorClient } from './client.js';

/** Has the owner of a call do what its reminder would have it do. */
export async function wakeCall(actors: Pick<ActorClient, 'call'>, callId: string): Promise<WakeOutcome> {
  const answer = await actors.call(CALL_ACTOR, callId, 'keep', {});
  if (answer.ok) return 'woken';
  return answer.code === 'RTV_CALL_UNKNOWN' || answer.code === 'RTV_CALL_ENDED' ? 'gone' : 'failed';
}
