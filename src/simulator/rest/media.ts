import { z } from 'zod';
import type { Call, Participant } from '../core/call.js';
import { identifierSchema } from '../core/identity.js';
import { type PlaySource, playSourceSchema } from '../core/prompts.js';
import { recognizeOptionsSchema, toneSchema } from '../core/recognition.js';
import { sleep } from '../time.js';
import { badRequest, incompatible, participantNotFound } from './acs-error.js';
import { callOperation, eventFields, noBody, type RestOperation, targetOf } from './operation.js';

const TONE_MS = 100;

function path(action: string): RegExp {
  return new RegExp(`^/callConnections/(?<id>[^/:]+):${action}$`);
}

function participantOf(call: Call, rawId: string): Participant {
  const participant = call.participants.get(rawId);
  if (!participant) throw participantNotFound();
  return participant;
}

const toParticipant = z.looseObject({ targetParticipant: identifierSchema, ...eventFields });

/** Play, cancel, recognize, DTMF, hold. */
export const mediaOperations: readonly RestOperation[] = [
  callOperation({
    name: 'play',
    method: 'POST',
    path: path('play'),
    schema: z.looseObject({
      playSources: z.array(playSourceSchema).min(1).max(10),
      playTo: z.array(identifierSchema).optional(),
      interruptCallMediaOperation: z.boolean().optional(),
      playOptions: z.looseObject({ loop: z.boolean() }).optional(),
      ...eventFields,
    }),
    established: true,
    run: ({ call, body }) => {
      for (const { rawId } of body.playTo ?? []) participantOf(call, rawId);
      call.actions?.play({
        sources: body.playSources,
        loop: body.playOptions?.loop ?? false,
        interrupt: body.interruptCallMediaOperation ?? false,
        operation: targetOf(body),
      });
      return { status: 202 };
    },
  }),
  callOperation({
    name: 'cancelAllMediaOperations',
    method: 'POST',
    path: path('cancelAllMediaOperations'),
    schema: noBody,
    established: true,
    run: ({ call }) => {
      call.actions?.cancelAll();
      return { status: 202 };
    },
  }),
  callOperation({
    name: 'recognize',
    method: 'POST',
    path: path('recognize'),
    schema: z.looseObject({
      recognizeInputType: z
        .string()
        .transform((type) => type.toLowerCase())
        .refine((type) => ['dtmf', 'speech', 'speechordtmf', 'choices'].includes(type), {
          message: 'is not a recognizeInputType',
        }),
      playPrompt: playSourceSchema.optional(),
      playPrompts: z.array(playSourceSchema).optional(),
      interruptCallMediaOperation: z.boolean().optional(),
      recognizeOptions: recognizeOptionsSchema,
      ...eventFields,
    }),
    established: true,
    run: ({ call, body }) => {
      const options = body.recognizeOptions;
      participantOf(call, options.targetParticipant.rawId);
      if (body.recognizeInputType === 'choices' && (options.choices ?? []).length === 0) {
        throw badRequest('Choices are missing.');
      }
      const interrupt = body.interruptCallMediaOperation ?? false;
      if (call.actions?.recognizing && !interrupt) {
        throw incompatible('Another recognize action is in progress.');
      }
      const prompts: PlaySource[] = body.playPrompts ?? (body.playPrompt ? [body.playPrompt] : []);
      call.actions?.recognize({ prompts, options, interrupt, operation: targetOf(body) });
      return { status: 202 };
    },
  }),
  callOperation({
    name: 'startContinuousDtmfRecognition',
    method: 'POST',
    path: path('startContinuousDtmfRecognition'),
    schema: toParticipant,
    established: true,
    run: ({ call, body }) => {
      const { rawId } = body.targetParticipant;
      participantOf(call, rawId);
      const { context, uri } = targetOf(body);
      call.continuousDtmf.set(rawId, { context, uri });
      return { status: 200 };
    },
  }),
  callOperation({
    name: 'stopContinuousDtmfRecognition',
    method: 'POST',
    path: path('stopContinuousDtmfRecognition'),
    schema: toParticipant,
    established: true,
    run: ({ call, body }) => {
      const { rawId } = body.targetParticipant;
      participantOf(call, rawId);
      const was = call.continuousDtmf.get(rawId);
      call.continuousDtmf.delete(rawId);
      const { context, uri } = targetOf(body);
      call.emit('ContinuousDtmfRecognitionStopped', {}, { context: context ?? was?.context, uri });
      return { status: 200 };
    },
  }),
  callOperation({
    name: 'sendDtmfTones',
    method: 'POST',
    path: path('sendDtmfTones'),
    schema: toParticipant.extend({ tones: z.array(toneSchema).min(1).max(100) }),
    established: true,
    run: ({ world, call, body }) => {
      participantOf(call, body.targetParticipant.rawId);
      const target = targetOf(body);
      world.tasks.start('send dtmf', async () => {
        if (await sleep(body.tones.length * TONE_MS, call.over.signal)) {
          call.emit('SendDtmfTonesCompleted', {}, target);
        }
      });
      return { status: 202, body: { operationContext: target.context } };
    },
  }),
  callOperation({
    name: 'hold',
    method: 'POST',
    path: path('hold'),
    schema: toParticipant.extend({ playSourceInfo: playSourceSchema.optional() }),
    established: true,
    run: ({ call, body }) => {
      participantOf(call, body.targetParticipant.rawId).isOnHold = true;
      call.emitParticipants();
      return { status: 200 };
    },
  }),
  callOperation({
    name: 'unhold',
    method: 'POST',
    path: path('unhold'),
    schema: toParticipant,
    established: true,
    run: ({ call, body }) => {
      const participant = participantOf(call, body.targetParticipant.rawId);
      if (!participant.isOnHold) throw incompatible('The participant is not on hold.');
      participant.isOnHold = false;
      call.emitParticipants();
      return { status: 200 };
    },
  }),
];
