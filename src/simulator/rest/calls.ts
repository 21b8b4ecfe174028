import { z } from 'zod';
import type { Call } from '../core/call.js';
import { identifierSchema } from '../core/identity.js';
import { answer, createCall, endCall, hangUp } from '../core/lifecycle.js';
import { resolveSetup } from '../core/setup.js';
import type { World } from '../core/world.js';
import { mediaStreamingOptionsSchema, transcriptionOptionsSchema } from '../media/options.js';
import { sleep } from '../time.js';
import { badRequest, callNotFound, conflict } from './acs-error.js';
import { callOperation, eventFields, noBody, operation, type RestOperation, targetOf } from './operation.js';
import { propertiesOf } from './properties.js';

const callback = z.url({ protocol: /^https?$/ });
const connectionFields = {
  callbackUri: callback,
  operationContext: z.string().max(5000).optional(),
  mediaStreamingOptions: mediaStreamingOptionsSchema.optional(),
  transcriptionOptions: transcriptionOptionsSchema.optional(),
};

const withContext = z.looseObject({ incomingCallContext: z.string().min(1) });

/** The ringing call of an incomingCallContext, for the operations that decide on it. */
function callOfContext(world: World, _params: unknown, body: unknown): Call | undefined {
  const parsed = withContext.safeParse(body);
  return parsed.success ? world.registry.byContext(parsed.data.incomingCallContext) : undefined;
}

function ringingCall(world: World, context: string): Call {
  const call = world.registry.byContext(context);
  if (!call || call.ended) throw callNotFound();
  if (call.state !== 'ringing') throw conflict('The call was answered already.');
  return call;
}

const CONNECTION = /^\/callConnections\/(?<id>[^/:]+)$/;

/** Answer, create, reject, redirect, properties, hang up, transfer. */
export const callOperations: readonly RestOperation[] = [
  operation({
    name: 'answerCall',
    method: 'POST',
    path: /^\/callConnections:answer$/,
    schema: withContext.extend(connectionFields),
    callOf: callOfContext,
    run: ({ world, body }) => {
      const call = ringingCall(world, body.incomingCallContext);
      answer(call, body);
      return { status: 200, body: propertiesOf(call) };
    },
  }),
  operation({
    name: 'createCall',
    method: 'POST',
    path: /^\/callConnections$/,
    schema: z.looseObject({
      ...connectionFields,
      targets: z.array(identifierSchema).min(1).max(100),
      sourceCallerIdNumber: z.looseObject({ value: z.string() }).optional(),
    }),
    run: async ({ world, body }) => {
      const target = body.targets[0];
      if (target?.rawId.startsWith('4:') && !body.sourceCallerIdNumber) {
        throw badRequest('A phone number is called with a sourceCallerIdNumber.');
      }
      const callee = target ? world.callees.get(target.rawId) : {};
      const setup = resolveSetup(
        { ...callee, ...(body.sourceCallerIdNumber ? { to: body.sourceCallerIdNumber.value } : {}) },
        world.settings,
        world.settings.seed + world.stats.callsPlaced,
      );
      const call = await createCall(world, setup, body.targets, body);
      return { status: 201, body: propertiesOf(call) };
    },
  }),
  operation({
    name: 'rejectCall',
    method: 'POST',
    path: /^\/callConnections:reject$/,
    schema: withContext.extend({ callRejectReason: z.string().optional() }),
    callOf: callOfContext,
    run: ({ world, body }) => {
      endCall(ringingCall(world, body.incomingCallContext), 'rejected', 'app', body.callRejectReason);
      return { status: 204 };
    },
  }),
  operation({
    name: 'redirectCall',
    method: 'POST',
    path: /^\/callConnections:redirect$/,
    schema: withContext.extend({ target: identifierSchema }),
    callOf: callOfContext,
    run: ({ world, body }) => {
      endCall(ringingCall(world, body.incomingCallContext), 'redirected', 'app');
      return { status: 204 };
    },
  }),
  callOperation({
    name: 'getCallConnectionProperties',
    method: 'GET',
    path: CONNECTION,
    schema: noBody,
    established: false,
    run: ({ call }) => ({ status: 200, body: propertiesOf(call) }),
  }),
  callOperation({
    name: 'hangUp',
    method: 'DELETE',
    path: CONNECTION,
    schema: noBody,
    established: false,
    run: ({ call }) => {
      hangUp(call);
      return { status: 204 };
    },
  }),
  callOperation({
    name: 'terminate',
    method: 'POST',
    path: /^\/callConnections\/(?<id>[^/:]+):terminate$/,
    schema: noBody,
    established: false,
    run: ({ call }) => {
      hangUp(call);
      return { status: 204 };
    },
  }),
  callOperation({
    name: 'transferToParticipant',
    method: 'POST',
    path: /^\/callConnections\/(?<id>[^/:]+):transferToParticipant$/,
    schema: z.looseObject({
      targetParticipant: identifierSchema,
      transferee: identifierSchema.optional(),
      ...eventFields,
    }),
    established: true,
    run: ({ world, call, body }) => {
      const target = targetOf(body);
      const { targetParticipant, transferee } = body;
      call.state = 'transferring';
      world.tasks.start('transfer', async () => {
        if (!(await sleep(200, call.over.signal))) return;
        const reaction = call.plan.faults.invite;
        if (reaction === 'never') return;
        if (reaction === 'accept') {
          call.emit(
            'CallTransferAccepted',
            { transferTarget: targetParticipant, transferee: transferee ?? call.caller },
            target,
          );
          endCall(call, 'transferred', 'app');
        } else {
          call.state = 'connected';
          call.emit('CallTransferFailed', {}, target, {
            code: reaction === 'decline' ? 603 : 480,
            subCode: reaction === 'decline' ? 560603 : 10037,
            message: 'The transfer target did not take the call.',
          });
        }
      });
      return { status: 202, body: { operationContext: target.context } };
    },
  }),
];
