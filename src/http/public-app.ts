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
import { sendProblem } from './problem.js';

export interface PublicServices {
  answer(call: IncomingCall): Promise<Answering>;
  /** The correlation id of a call token; undefined: not ours. */
  readToken(token: unknown): string | undefined;
  /** Hands facts to their calls; returns before they are processed. */
  accept(facts: readonly AcsFact[], correlationId: string): void;
  health(): Health;
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

  app.post('/acs/incoming', body, async (request, response) => {
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

  app.post('/acs/callbacks/:token', body, (request, response) => {
    const correlationId = services.readToken(request.params.token);
    if (!correlationId) {
      services.metrics.securityEvents.add(1, { code: 'RTV_CALL_TOKEN_INVALID' });
      return sendProblem(response, 'RTV_CALL_TOKEN_INVALID');
    }
    const parsed = parseCallbacks(bytes(request));
    if (parsed.malformed) return sendProblem(response, 'RTV_REQUEST_MALFORMED');
    for (const rejected of parsed.rejected)
      services.metrics.events.add(1, { kind: `rejected_${rejected.code}` });
    if (parsed.facts.length === 0 && parsed.rejected.length > 0) {
      return sendProblem(response, 'RTV_REQUEST_MALFORMED', parsed.rejected[0]?.code);
    }
    response.status(202).end();
    services.accept(parsed.facts, correlationId);
  });

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
    services.log.error({ error: String(type ?? error) }, 'request failed');
    sendProblem(response, type === undefined ? 'RTV_INTERNAL' : 'RTV_REQUEST_MALFORMED');
  });
  return app;
}

const bytes = (request: Request): Uint8Array =>
  Buffer.isBuffer(request.body) ? (request.body as Buffer) : Buffer.alloc(0);
