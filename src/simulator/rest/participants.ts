import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Call } from '../core/call.js';
import { type Identifier, identifierSchema } from '../core/identity.js';
import { endCall } from '../core/lifecycle.js';
import type { ResultInformation } from '../events/callbacks.js';
import type { Operation } from '../media/link.js';
import { sleep } from '../time.js';
import { badRequest, participantNotFound } from './acs-error.js';
import { callOperation, eventFields, noBody, type RestOperation, targetOf } from './operation.js';

const PARTICIPANTS = '^/callConnections/(?<id>[^/:]+)/participants';
const PICK_UP_MS = 300;
const DEFAULT_INVITATION_SECONDS = 60;
const DECLINED: ResultInformation = { code: 603, subCode: 560603, message: 'Decline' };
const NO_ANSWER: ResultInformation = {
  code: 480,
  subCode: 10037,
  message: 'The invitation was not answered.',
};
const NOT_INVITED: ResultInformation = { code: 404, subCode: 8524, message: 'There is no such invitation.' };

/** Invitations that were not accepted yet, by call and invitation id. */
const invitations = new WeakMap<Call, Map<string, { identifier: Identifier; abort: AbortController }>>();

function invitationsOf(call: Call): Map<string, { identifier: Identifier; abort: AbortController }> {
  const known = invitations.get(call);
  if (known) return known;
  const fresh = new Map<string, { identifier: Identifier; abort: AbortController }>();
  invitations.set(call, fresh);
  return fresh;
}

async function invite(
  call: Call,
  identifier: Identifier,
  invitationId: string,
  timeoutMs: number,
  target: Operation,
): Promise<void> {
  const abort = new AbortController();
  const open = invitationsOf(call);
  open.set(invitationId, { identifier, abort });
  const signal = AbortSignal.any([abort.signal, call.over.signal]);
  const reaction = call.plan.faults.invite;
  const answered = await sleep(reaction === 'noanswer' ? timeoutMs : PICK_UP_MS, signal);
  if (!answered || reaction === 'never') return;
  open.delete(invitationId);
  const participant = identifier;
  if (reaction === 'accept') {
    call.addParticipant(identifier);
    call.emit('AddParticipantSucceeded', { participant }, target);
    call.emitParticipants();
  } else {
    call.emit('AddParticipantFailed', { participant }, target, reaction === 'decline' ? DECLINED : NO_ANSWER);
  }
}

/** List, get, add, remove, mute participants, and cancel an invitation. */
export const participantOperations: readonly RestOperation[] = [
  callOperation({
    name: 'listParticipants',
    method: 'GET',
    path: new RegExp(`${PARTICIPANTS}$`),
    schema: noBody,
    established: false,
    run: ({ call, query, params, baseUrl }) => {
      const all = call.participantList();
      const skip = Number(query.get('skip') ?? 0);
      const top = Number(query.get('maxpagesize') ?? 100);
      const page = all.slice(skip, skip + top);
      const version = query.get('api-version') ?? '';
      const more = skip + page.length < all.length;
      return {
        status: 200,
        body: {
          value: page,
          ...(more
            ? {
                nextLink: `${baseUrl}/calling/callConnections/${params.id}/participants?skip=${skip + page.length}&maxpagesize=${top}&api-version=${version}`,
              }
            : {}),
        },
      };
    },
  }),
  callOperation({
    name: 'getParticipant',
    method: 'GET',
    path: new RegExp(`${PARTICIPANTS}/(?<rawId>[^/]+)$`),
    schema: noBody,
    established: false,
    run: ({ call, params }) => {
      const participant = call.participants.get(decodeURIComponent(params.rawId ?? ''));
      if (!participant) throw participantNotFound();
      return { status: 200, body: participant };
    },
  }),
  callOperation({
    name: 'addParticipant',
    method: 'POST',
    path: new RegExp(`${PARTICIPANTS}:add$`),
    schema: z.looseObject({
      participantToAdd: identifierSchema,
      invitationTimeoutInSeconds: z.number().min(1).max(180).optional(),
      ...eventFields,
    }),
    established: true,
    run: ({ world, call, body }) => {
      const identifier = body.participantToAdd;
      if (call.participants.has(identifier.rawId))
        throw badRequest('The participant is in the call already.');
      const invitationId = randomUUID();
      const timeoutMs = (body.invitationTimeoutInSeconds ?? DEFAULT_INVITATION_SECONDS) * 1000;
      const target = targetOf(body);
      world.tasks.start('invitation', () => invite(call, identifier, invitationId, timeoutMs, target));
      return {
        status: 202,
        body: {
          participant: { identifier, isMuted: false, isOnHold: false },
          operationContext: target.context,
          invitationId,
        },
      };
    },
  }),
  callOperation({
    name: 'cancelAddParticipant',
    method: 'POST',
    path: new RegExp(`${PARTICIPANTS}:cancelAddParticipant$`),
    schema: z.looseObject({ invitationId: z.string().min(1), ...eventFields }),
    established: true,
    run: ({ call, body }) => {
      const { invitationId } = body;
      const target = targetOf(body);
      const open = invitationsOf(call).get(invitationId);
      if (open) {
        invitationsOf(call).delete(invitationId);
        open.abort.abort();
        call.emit('CancelAddParticipantSucceeded', { invitationId }, target);
      } else call.emit('CancelAddParticipantFailed', { invitationId }, target, NOT_INVITED);
      return { status: 202, body: { invitationId, operationContext: target.context } };
    },
  }),
  callOperation({
    name: 'removeParticipant',
    method: 'POST',
    path: new RegExp(`${PARTICIPANTS}:remove$`),
    schema: z.looseObject({ participantToRemove: identifierSchema, ...eventFields }),
    established: true,
    run: ({ world, call, body }) => {
      const participant = body.participantToRemove;
      const target = targetOf(body);
      if (!call.participants.has(participant.rawId)) throw participantNotFound();
      world.tasks.start('remove participant', async () => {
        if (!(await sleep(50, call.over.signal))) return;
        call.participants.delete(participant.rawId);
        call.emit('RemoveParticipantSucceeded', { participant }, target);
        call.emitParticipants();
        // Without the caller there is nobody left to talk to.
        if (participant.rawId === call.caller.rawId) endCall(call, 'ended_by_app', 'app');
      });
      return { status: 202, body: { operationContext: target.context } };
    },
  }),
  callOperation({
    name: 'muteParticipant',
    method: 'POST',
    path: new RegExp(`${PARTICIPANTS}:mute$`),
    schema: z.looseObject({
      targetParticipants: z.array(identifierSchema).min(1).max(1),
      operationContext: z.string().optional(),
    }),
    established: true,
    run: ({ call, body }) => {
      for (const { rawId } of body.targetParticipants) {
        const participant = call.participants.get(rawId);
        if (!participant) throw participantNotFound();
        participant.isMuted = true;
      }
      call.emitParticipants();
      return { status: 200, body: { operationContext: body.operationContext } };
    },
  }),
];
