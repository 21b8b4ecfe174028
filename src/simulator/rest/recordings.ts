import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { Call } from '../core/call.js';
import type { World } from '../core/world.js';
import { AcsError, badRequest, callNotFound, notEstablished } from './acs-error.js';
import { noBody, operation, type RestOperation } from './operation.js';

const MAX_RECORDINGS = 5000;

interface Recording {
  readonly id: string;
  readonly call: Call;
  readonly callbackUri: string | undefined;
  readonly startDateTime: string;
  state: 'active' | 'inactive';
}

/** Recordings that were not stopped, by world: only their states exist, no file. */
const recordings = new WeakMap<World, LRUCache<string, Recording>>();

function recordingsOf(world: World): LRUCache<string, Recording> {
  const known = recordings.get(world);
  if (known) return known;
  const fresh = new LRUCache<string, Recording>({ max: MAX_RECORDINGS });
  recordings.set(world, fresh);
  return fresh;
}

function recordingOf(world: World, id: string): Recording {
  const recording = recordingsOf(world).get(id);
  if (recording && !recording.call.ended) return recording;
  throw new AcsError(404, '8522', 'Recording not found.');
}

function change(recording: Recording, state: Recording['state']): void {
  recording.state = state;
  recording.call.emit(
    'RecordingStateChanged',
    {
      recordingId: recording.id,
      state,
      startDateTime: recording.startDateTime,
      recordingKind: 'azureCommunicationServices',
    },
    { uri: recording.callbackUri },
  );
}

function describe(recording: Recording): Record<string, unknown> {
  return {
    recordingId: recording.id,
    recordingState: recording.state,
    recordingKind: 'azureCommunicationServices',
  };
}

const ONE = /^\/recordings\/(?<recordingId>[^/:]+)$/;
const callOf: RestOperation['callOf'] = (world, params) =>
  recordingsOf(world).get(params.recordingId ?? '')?.call;

/** Start, state, pause, resume and stop of a recording. */
export const recordingOperations: readonly RestOperation[] = [
  operation({
    name: 'startRecording',
    method: 'POST',
    path: /^\/recordings$/,
    schema: z.looseObject({
      callLocator: z.looseObject({ serverCallId: z.string().min(1) }).optional(),
      callConnectionId: z.string().min(1).optional(),
      recordingStateCallbackUri: z.url({ protocol: /^https?$/ }).optional(),
      pauseOnStart: z.boolean().optional(),
    }),
    run: ({ world, body }) => {
      const { callConnectionId, callLocator } = body;
      if (callConnectionId === undefined && callLocator === undefined) {
        throw badRequest('Neither callLocator nor callConnectionId was given.');
      }
      const call =
        callConnectionId !== undefined
          ? world.registry.byId(callConnectionId)
          : world.registry.byServerCallId(callLocator?.serverCallId ?? '');
      if (!call || call.ended || call.state === 'ringing') throw callNotFound();
      if (!call.established) throw notEstablished();
      const recording: Recording = {
        id: randomUUID(),
        call,
        callbackUri: body.recordingStateCallbackUri,
        startDateTime: new Date().toISOString(),
        state: 'inactive',
      };
      recordingsOf(world).set(recording.id, recording);
      change(recording, body.pauseOnStart ? 'inactive' : 'active');
      return { status: 200, body: describe(recording) };
    },
  }),
  operation({
    name: 'getRecordingProperties',
    method: 'GET',
    path: ONE,
    schema: noBody,
    callOf,
    run: ({ world, params }) => ({
      status: 200,
      body: describe(recordingOf(world, params.recordingId ?? '')),
    }),
  }),
  operation({
    name: 'stopRecording',
    method: 'DELETE',
    path: ONE,
    schema: noBody,
    callOf,
    run: ({ world, params }) => {
      const recording = recordingOf(world, params.recordingId ?? '');
      change(recording, 'inactive');
      recordingsOf(world).delete(recording.id);
      return { status: 204 };
    },
  }),
  operation({
    name: 'pauseRecording',
    method: 'POST',
    path: /^\/recordings\/(?<recordingId>[^/:]+):pause$/,
    schema: noBody,
    callOf,
    run: ({ world, params }) => {
      change(recordingOf(world, params.recordingId ?? ''), 'inactive');
      return { status: 202 };
    },
  }),
  operation({
    name: 'resumeRecording',
    method: 'POST',
    path: /^\/recordings\/(?<recordingId>[^/:]+):resume$/,
    schema: noBody,
    callOf,
    run: ({ world, params }) => {
      change(recordingOf(world, params.recordingId ?? ''), 'active');
      return { status: 202 };
    },
  }),
];
