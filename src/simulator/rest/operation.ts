import { z } from 'zod';
import type { Call } from '../core/call.js';
import type { World } from '../core/world.js';
import type { Operation as EventTarget } from '../media/link.js';
import { badRequest, callNotFound, notEstablished, terminated } from './acs-error.js';

/** What an operation works on. */
export interface Context<B> {
  readonly world: World;
  readonly body: B;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The simulator's own address, for links. */
  readonly baseUrl: string;
}

export interface CallContext<B> extends Context<B> {
  readonly call: Call;
}

/** Status and JSON body of a success. */
export interface Success {
  readonly status: 200 | 201 | 202 | 204;
  readonly body?: unknown;
}

/** One REST operation, its body still unchecked. */
export interface RestOperation {
  readonly name: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Matched against the path after /calling; named groups are parameters. */
  readonly path: RegExp;
  /** The call that it belongs to, if it is known before the body is checked: its faults and latencies apply. */
  readonly callOf: (
    world: World,
    params: Readonly<Record<string, string>>,
    body: unknown,
  ) => Call | undefined;
  readonly run: (context: Context<unknown>) => Success | Promise<Success>;
}

/** So long after its end a call is known as just terminated to mid-call actions. */
const JUST_NOW_MS = 5000;

/** An operation that belongs to no established call. */
export function operation<S extends z.ZodType>(definition: {
  name: string;
  method: RestOperation['method'];
  path: RegExp;
  schema: S;
  callOf?: RestOperation['callOf'];
  run: (context: Context<z.infer<S>>) => Success | Promise<Success>;
}): RestOperation {
  return {
    ...definition,
    callOf: definition.callOf ?? (() => undefined),
    run: (context) => definition.run({ ...context, body: check(definition.schema, context.body) }),
  };
}

/** An operation on the call in its path. */
export function callOperation<S extends z.ZodType>(definition: {
  name: string;
  method: RestOperation['method'];
  path: RegExp;
  schema: S;
  /** Whether the call must be connected: without, any call that has not ended will do. */
  established: boolean;
  run: (context: CallContext<z.infer<S>>) => Success | Promise<Success>;
}): RestOperation {
  return {
    ...definition,
    callOf: (world, params) => world.registry.byId(params.id ?? ''),
    run: (context) => {
      const call = liveCall(context.world, context.params.id ?? '', definition.established);
      return definition.run({ ...context, call, body: check(definition.schema, context.body) });
    },
  };
}

/** The body of operations that have none. */
export const noBody = z.unknown();

/** Fields that most mid-call operations share. */
export const eventFields = {
  operationContext: z.string().max(5000).nullish(),
  operationCallbackUri: z.url({ protocol: /^https?$/ }).nullish(),
};

/** Where an operation's events go. */
export function targetOf(body: {
  operationContext?: string | null | undefined;
  operationCallbackUri?: string | null | undefined;
}): EventTarget {
  return { context: body.operationContext ?? undefined, uri: body.operationCallbackUri ?? undefined };
}

function liveCall(world: World, id: string, established: boolean): Call {
  const call = world.registry.byId(id);
  if (!call || call.state === 'ringing') throw callNotFound();
  if (call.ended) {
    const endedAgo = performance.now() - (call.report.endedAt ?? 0);
    throw established && endedAgo < JUST_NOW_MS ? terminated() : callNotFound();
  }
  if (established && !call.established) throw notEstablished();
  return call;
}

function check<S extends z.ZodType>(schema: S, body: unknown): z.infer<S> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const first = result.error.issues[0];
  const where = first?.path.join('.') ?? '';
  throw badRequest(`The request is not valid: ${where === '' ? 'the body' : where}: ${first?.message ?? ''}`);
}
