/**
 * The public side of a worker: Event Grid, ACS callbacks, probes, metrics. Media sockets are in upgrades.ts.
 * Callbacks are answered 202 at once and processed after: ACS's patience is not ours to use.
 */
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import type { Answering } from '../acs/answering.js';
import { parseCallbacks } from '../acs/callbacks.js';
import type { AcsFact } from '../acs/facts.js';
import { answerWebhookHandshake } from '../acs/handshake.js';
import { type IncomingCall, parseIncoming } from '../acs/incoming.js';
import type { Health } from '../ops/health.js';
import type { Metrics } from '../ops/metrics.js';
import type { Doors } from './authenticate.js';
import { sendProblem } from './problem.js';

export interface PublicServices {
  answer(call: IncomingCall): Promise<Answering>;
  readonly doors: Doors;
  /** Hands facts to their calls; returns before they are processed. */
  accept(facts: readonly AcsFact[], correlationId: string): void;
  health(): Health;
  /** More routes: the control API. */
  routes?(app: Express): void;
  readonly metrics: Metrics;
  readonly log: { warn(fields: object, message: string): void; error(fields: object, message: string): void };
}

export const BODY_LIMIT_BYTES = 1024 * 1024;

export function publicApp(services: PublicServices): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('etag', false);
  const body = express.raw({ type: () => true, limit: BODY_LIMIT_BYTES });

  app.options('/acs/{*any}', (request, response) => {
    const answer = answerWebhookHandshake(request.headers);
    if (answer) response.status(answer.status).set(answer.headers).end();
    else sendProblem(response, 'RTV_REQUEST_MALFORMED');
  });

  const eventGridDoor = async (request: Request, response: Response, next: NextFunction): Promise<void> => {
    const passage = await services.doors.incoming(request.headers, queryOf(request));
    if (passage.ok) next();
    else sendProblem(response, passage.code);
  };
  /** Before the body is read: who has no URL of ours need not send one. */
  const tokenDoor = (request: Request, response: Response, next: NextFunction): void => {
    const correlationId = services.doors.token('callback', request.params.token);
    response.locals.correlationId = correlationId;
    if (correlationId) next();
    else sendProblem(response, 'RTV_CALL_TOKEN_INVALID');
  };

  app.post('/acs/incoming', eventGridDoor, body, async (request, response) => {
    const parsed = parseIncoming(request.headers, bytes(request));
    if (parsed.kind === 'malformed') return sendProblem(response, 'RTV_REQUEST_MALFORMED');
    if (parsed.kind === 'validation') {
      return void response.status(200).json({ validationResponse: parsed.validationCode });
    }
    if (parsed.calls.length === 0 && parsed.rejected.length > 0) {
      return sendProblem(response, 'RTV_REQUEST_MALFORMED', parsed.rejected[0]?.code);
    }
    // 200 only once every call of the batch was answered: else Event Grid delivers again.
    const outcomes = await Promise.all(parsed.calls.map((call) => services.answer(call)));
    const again = outcomes.find(
      (outcome) => outcome.kind === 'busy' || (outcome.kind === 'failed' && outcome.retryable),
    );
    if (again) {
      services.log.warn({ code: 'code' in again ? again.code : undefined }, 'incoming call not answered now');
      return sendProblem(
        response,
        again.kind === 'busy' ? 'RTV_CALL_ANSWERING' : 'RTV_INTERNAL',
        'code' in again ? again.code : undefined,
      );
    }
    response.status(200).json({ outcomes: outcomes.map((outcome) => outcome.kind), ignored: parsed.ignored });
  });

  app.post('/acs/callbacks/:token', tokenDoor, body, async (request, response) => {
    const correlationId = String(response.locals.correlationId);
    const passage = await services.doors.callback(request.headers, bytes(request), correlationId);
    if (!passage.ok) return sendProblem(response, passage.code);
    const parsed = parseCallbacks(bytes(request));
    if (parsed.malformed) return sendProblem(response, 'RTV_REQUEST_MALFORMED');
    for (const rejected of parsed.rejected)
      services.metrics.events.add(1, { kind: `rejected_${rejected.code}` });
    if (parsed.facts.length === 0 && parsed.rejected.length > 0) {
      return sendProblem(response, 'RTV_REQUEST_MALFORMED', parsed.rejected[0]?.code);
    }
    const facts = await ofTheCall(parsed.facts, correlationId, services.doors);
    if (facts.length === 0 && parsed.facts.length > 0) return sendProblem(response, 'RTV_CALL_TOKEN_INVALID');
    response.status(202).end();
    services.accept(facts, correlationId);
  });

  services.routes?.(app);

  app.get('/livez', (_request, response) => void response.status(200).json({ status: 'pass' }));
  app.get(['/readyz', '/startupz'], (_request, response) => {
    const health = services.health();
    response
      .status(health.status === 'fail' ? 503 : 200)
      .type('application/health+json')
      .send(JSON.stringify(health));
  });
  app.get('/metrics', (request, response) => services.metrics.serve(request, response));

  app.use((_request, response) => sendProblem(response, 'RTV_NOT_FOUND'));
  app.use((error: unknown, _request: Request, response: Response, _next: NextFunction) => {
    const type = typeof error === 'object' && error !== null && 'type' in error ? error.type : undefined;
    if (type === 'entity.too.large') return sendProblem(response, 'RTV_REQUEST_TOO_LARGE');
    if (type === 'request.aborted') return void response.end();
    if (response.headersSent) return void response.destroy();
    // A path that cannot be decoded, an unknown content-encoding: the sender's fault.
    const status =
      typeof error === 'object' && error !== null && 'status' in error ? error.status : undefined;
    if (typeof status === 'number' && status >= 400 && status < 500)
      return sendProblem(response, 'RTV_REQUEST_MALFORMED');
    services.log.error({ error: String(type ?? error) }, 'request failed');
    sendProblem(response, type === undefined ? 'RTV_INTERNAL' : 'RTV_REQUEST_MALFORMED');
  });
  return app;
}

/** A batch keeps the events of its own call; those of another one are refused, once a call. */
async function ofTheCall(
  facts: readonly AcsFact[],
  correlationId: string,
  doors: Doors,
): Promise<readonly AcsFact[]> {
  const verdicts = new Map<string, boolean>();
  for (const { callConnectionId } of facts) {
    if (!verdicts.has(callConnectionId))
      verdicts.set(callConnectionId, await doors.fits(correlationId, callConnectionId));
  }
  return facts.filter(({ callConnectionId }) => verdicts.get(callConnectionId));
}

const queryOf = (request: Request): URLSearchParams =>
  new URLSearchParams(request.url.split('?', 2)[1] ?? '');

const bytes = (request: Request): Uint8Array =>
  Buffer.isBuffer(request.body) ? (request.body as Buffer) : Buffer.alloc(0);
