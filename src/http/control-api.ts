/**
 * Call control over HTTP, behind the API token (Authorization: Bearer). An operation is answered once ACS took or refused
 * its request: 202 while its event is awaited, 200 with its outcome (sooner or, with `Prefer: wait=SECONDS`, later), a
 * problem when ACS refused. `Idempotency-Key` makes a repetition the same operation.
 */
import { randomUUID } from 'node:crypto';
import express, { type Express, type Request } from 'express';
import { ACS_CODES, type AcsErrorCode } from '../acs/codes.js';
import { type CreateCallArgs, createCallSchema, fieldsOf, readControl } from '../acs/control-requests.js';
import type { CallDescription } from '../actors/call-messages.js';
import type {
  ControlArgs,
  ControlStarted,
  OperationsAnswer,
  OperationView,
} from '../actors/control-messages.js';
import type { Answer } from '../actors/ports.js';
import type { SecurityEvents } from './authenticate.js';
import { requireBearer } from './bearer.js';
import { type ProblemCode, sendProblem } from './problem.js';

export interface CreatedCall {
  readonly callConnectionId: string;
  readonly repeated: boolean;
}

/** Calls, wherever they live. */
export interface CallControlService {
  create(
    args: CreateCallArgs,
    idempotencyKey: string | undefined,
    deadlineMs?: number,
  ): Promise<({ readonly ok: true } & CreatedCall) | { readonly ok: false; readonly code: ProblemCode }>;
  /** Ids of live calls, the one with the latest sign of life last. */
  live(limit: number): Promise<readonly string[]>;
  describe(callId: string): Promise<Answer<CallDescription>>;
  control(callId: string, args: ControlArgs): Promise<Answer<ControlStarted>>;
  operations(callId: string): Promise<Answer<OperationsAnswer>>;
}

export interface ControlApiParts {
  readonly token: string;
  readonly calls: CallControlService;
  readonly security: SecurityEvents;
}

const BODY_LIMIT = '64kb';
const CALL_ID = /^[A-Za-z0-9._~-]{1,256}$/;
const KEY = /^[A-Za-z0-9._~-]{1,128}$/;
/** How long ACS may take to answer a request, over all attempts, and some room, ms. */
const ANSWER_MS = 7_000;
const LONGEST_WAIT_S = 60;
const DEADLINE = 'deadlineMs: 500 to 600000';
const MOST_LISTED = 1_000;

export function controlApi(app: Express, parts: ControlApiParts): void {
  const { calls, security } = parts;
  const api = express.Router({ caseSensitive: true });

  api.use(requireBearer(parts.token, security));
  api.use(express.json({ limit: BODY_LIMIT, type: () => true, strict: true }));
  api.param('id', (_request, response, next, id: string) => {
    if (CALL_ID.test(id)) next();
    else sendProblem(response, 'RTV_CALL_UNKNOWN');
  });

  api.get('/calls', async (request, response) => {
    const limit = Math.min(MOST_LISTED, Math.max(1, Number(request.query.limit ?? 100) || 100));
    response.json({ calls: await calls.live(limit) });
  });

  api.post('/calls', async (request, response) => {
    const key = keyOf(request);
    if (key === null) return sendProblem(response, 'RTV_IDEMPOTENCY_KEY_INVALID');
    const args = createCallSchema.safeParse(request.body ?? {});
    if (!args.success) return sendProblem(response, 'RTV_OPERATION_INVALID', fieldsOf(args.error));
    const deadlineMs = deadlineOf(request);
    if (deadlineMs === null) return sendProblem(response, 'RTV_OPERATION_INVALID', DEADLINE);
    const created = await calls.create(args.data as CreateCallArgs, key, deadlineMs);
    if (!created.ok) return sendProblem(response, created.code);
    const { callConnectionId, repeated } = created;
    response
      .status(repeated ? 200 : 201)
      .location(`/api/calls/${callConnectionId}`)
      .json({ callConnectionId, repeated });
  });

  api.get('/calls/:id', async (request, response) => {
    const answer = await calls.describe(request.params.id);
    if (!answer.ok) return sendProblem(response, answer.code);
    const { ok: _ok, ...call } = answer;
    response.json(call);
  });

  api.get('/calls/:id/operations', async (request, response) => {
    const answer = await calls.operations(request.params.id);
    if (!answer.ok) return sendProblem(response, answer.code);
    response.json({ operations: answer.operations });
  });

  api.get('/calls/:id/operations/:operationId', async (request, response) => {
    const answer = await calls.operations(request.params.id);
    if (!answer.ok) return sendProblem(response, answer.code);
    const found = answer.operations.find(({ id }) => id === request.params.operationId);
    if (found) response.json(found);
    else sendProblem(response, 'RTV_OPERATION_UNKNOWN');
  });

  api.post('/calls/:id/:operation', async (request, response) => {
    const callId = request.params.id;
    const key = keyOf(request);
    if (key === null) return sendProblem(response, 'RTV_IDEMPOTENCY_KEY_INVALID');
    const read = readControl(request.params.operation, request.body ?? {});
    if (!read.ok && read.reason === 'unknown') return sendProblem(response, 'RTV_OPERATION_UNKNOWN');
    if (!read.ok) return sendProblem(response, 'RTV_OPERATION_INVALID', read.detail);
    const deadlineMs = deadlineOf(request);
    if (deadlineMs === null) return sendProblem(response, 'RTV_OPERATION_INVALID', DEADLINE);
    const id = randomUUID();
    const started = await calls.control(callId, {
      request: read.request,
      id,
      ...(key ? { idempotencyKey: key } : {}),
      ...(deadlineMs ? { deadlineMs } : {}),
    });
    if (!started.ok) return sendProblem(response, started.code);
    const operation = await followed(calls, callId, started.operation, waitOf(request));
    response.location(`/api/calls/${callId}/operations/${operation.id}`);
    if (operation.state === 'settled' && isAcsCode(operation.code)) {
      return sendProblem(response, operation.code, `operation ${operation.id}`);
    }
    response
      .status(operation.state === 'settled' ? 200 : 202)
      .json({ ...operation, repeated: started.repeated });
  });

  app.use('/api', api);
}

/** Looks at an operation until ACS took or refused it, or, with `waitMs`, until it has its outcome. */
async function followed(
  calls: CallControlService,
  callId: string,
  first: OperationView,
  waitMs: number | undefined,
): Promise<OperationView> {
  let operation = first;
  const started = performance.now();
  const done = (): boolean => operation.state === 'settled' || (waitMs === undefined && operation.accepted);
  for (let pauseMs = 10; !done(); pauseMs = Math.min(250, pauseMs * 1.5)) {
    if (performance.now() - started > (waitMs ?? ANSWER_MS)) break;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    const answer = await calls.operations(callId);
    if (answer.ok) operation = answer.operations.find(({ id }) => id === first.id) ?? operation;
  }
  return operation;
}

/** undefined: none given; null: one that cannot be. */
function keyOf(request: Request): string | undefined | null {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  return typeof key === 'string' && KEY.test(key) ? key : null;
}

/** `?deadlineMs=`: how long the outcome is awaited. null: one that cannot be. */
function deadlineOf(request: Request): number | undefined | null {
  const given = request.query.deadlineMs;
  if (given === undefined) return undefined;
  const ms = typeof given === 'string' ? Number(given) : Number.NaN;
  return Number.isInteger(ms) && ms >= 500 && ms <= 600_000 ? ms : null;
}

/** `Prefer: wait=10` (RFC 7240), ms. */
function waitOf(request: Request): number | undefined {
  const prefer = request.headers.prefer;
  const seconds = /(?:^|[,;\s])wait=(\d{1,4})(?:$|[,;\s])/.exec(String(prefer ?? ''))?.[1];
  return seconds === undefined ? undefined : Math.min(LONGEST_WAIT_S, Number(seconds)) * 1_000;
}

const ACS_CODE_SET: ReadonlySet<string> = new Set(Object.values(ACS_CODES));
const isAcsCode = (code: string | undefined): code is AcsErrorCode =>
  code !== undefined && ACS_CODE_SET.has(code);
