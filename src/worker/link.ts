/** The media worker's line to its calls' actors, over the own sidecar. */
import { type Attached, CALL_ACTOR, type Located, type TurnAnswer } from '../actors/call-messages.js';
import type { ActorClient } from '../actors/client.js';
import type { CallLink } from '../media/ports.js';

/** A turn's deadline: placement may take a second to move an actor, ms. */
const TURN_DEADLINE_MS = 2_500;
const ATTACH_DEADLINE_MS = 5_000;
/** What is about to be said is worth less waiting: the caller hears silence meanwhile, ms. */
const SAY_DEADLINE_MS = 300;

export function createLink(actors: ActorClient, workerId: () => string, workerUrl: string): CallLink {
  return {
    attach: (callId, origin, previous) =>
      actors.call<Attached>(
        CALL_ACTOR,
        callId,
        'attach',
        { workerId: workerId(), workerUrl, origin, ...(previous ? { previous } : {}) },
        ATTACH_DEADLINE_MS,
      ),
    say: (callId, at, saying) => actors.call(CALL_ACTOR, callId, 'say', { ...at, saying }, SAY_DEADLINE_MS),
    turn: (callId, at, turnNo, offer) =>
      actors.call<TurnAnswer>(CALL_ACTOR, callId, 'turn', { ...at, turnNo, offer }, TURN_DEADLINE_MS),
    detach: (callId, at, handOver) =>
      actors.call(CALL_ACTOR, callId, 'detach', { ...at, handOver }, TURN_DEADLINE_MS),
    transcribing: (callId, socketId) =>
      actors.call<Located>(
        CALL_ACTOR,
        callId,
        'transcribing',
        { socketId, workerId: workerId() },
        TURN_DEADLINE_MS,
      ),
    transcriptionLost: (callId, socketId, handOver) =>
      actors.call(CALL_ACTOR, callId, 'transcriptionLost', { socketId, handOver }, TURN_DEADLINE_MS),
  };
}

export const locateCall = (actors: ActorClient, callId: string) =>
  actors.call<Located>(CALL_ACTOR, callId, 'locate', {}, TURN_DEADLINE_MS);
