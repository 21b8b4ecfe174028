import type { Call } from '../core/call.js';
import type { World } from '../core/world.js';
import { messageOf, SimError } from '../errors.js';
import { draw } from '../latency.js';
import { sleep } from '../time.js';
import { AcsError, badRequest } from './acs-error.js';
import { callOperations } from './calls.js';
import { type SignedRequest, verifyHmac } from './hmac.js';
import { mediaOperations } from './media.js';
import type { Context, RestOperation } from './operation.js';
import { participantOperations } from './participants.js';
import { recordingOperations } from './recordings.js';
import { type Answer, Repeatability } from './repeatability.js';
import { streamingOperations } from './streaming.js';

const OPERATIONS: readonly RestOperation[] = [
  ...callOperations,
  ...participantOperations,
  ...mediaOperations,
  ...streamingOperations,
  ...recordingOperations,
];
/** So long a request is held that is not to be answered. */
const UNANSWERED_MS = 60_000;
const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };

/** ACS's REST interface below /calling. */
export class RestService {
  readonly #world: World;
  readonly #accessKey: Buffer;
  readonly #repeatability = new Repeatability();
  #requests = 0;

  constructor(world: World) {
    this.#world = world;
    this.#accessKey = Buffer.from(world.settings.accessKey, 'base64');
  }

  /** Answers one request whose body was read; never throws. */
  async handle(request: SignedRequest): Promise<Answer> {
    let name = 'unknown';
    let answer: Answer;
    try {
      const url = new URL(request.url, 'http://simulator.invalid');
      this.#authorize(request);
      if (!url.searchParams.get('api-version')) {
        throw new AcsError(400, 'MissingApiVersionParameter', 'The api-version query parameter is missing.');
      }
      const found = route(request.method, url.pathname.replace(/^\/calling/, ''));
      name = found.operation.name;
      answer = await this.#run(request, url, found);
    } catch (error) {
      answer = failure(error);
    }
    this.#world.stats.request(name, answer.status);
    return answer;
  }

  #authorize(request: SignedRequest): void {
    try {
      verifyHmac(request, this.#accessKey, Date.now());
    } catch (error) {
      this.#world.stats.unauthorized += 1;
      throw error;
    }
  }

  async #run(
    request: SignedRequest,
    url: URL,
    found: { operation: RestOperation; params: Record<string, string> },
  ): Promise<Answer> {
    const { operation, params } = found;
    const body = parseBody(request.body);
    const call = operation.callOf(this.#world, params, body);
    if (operation.name === 'answerCall') call?.report.answerRequested();
    const plan = call?.plan ?? this.#world.plan;
    const waitMs = this.#latency(operation.name, call);
    const fate = plan.request(operation.name);
    if (fate.refuse !== undefined) {
      await sleep(waitMs, this.#world.signal);
      throw refusal(fate.refuse, plan.faults.retryAfterSeconds);
    }
    const context: Context<unknown> = {
      world: this.#world,
      body,
      params,
      query: url.searchParams,
      baseUrl: `http://${String(request.headers.host ?? '')}`,
    };
    const id = request.headers['repeatability-request-id'];
    const key = typeof id === 'string' && id !== '' ? `${request.method} ${url.pathname} ${id}` : undefined;
    const { answer, repeated } = this.#repeatability.once(key, async () => {
      await sleep(waitMs / 2, this.#world.signal);
      const success = await operation.run(context);
      return success.status === 204 || success.body === undefined
        ? { status: success.status, body: '' }
        : { status: success.status, body: JSON.stringify(success.body), headers: JSON_TYPE };
    });
    if (repeated) this.#world.stats.repeated += 1;
    const done = await answer;
    await sleep(waitMs / 2, this.#world.signal);
    if (fate.failAfter) throw refusal(500, 0);
    // Whoever asked has given up long before.
    if (fate.unanswered && (await sleep(UNANSWERED_MS, this.#world.signal))) throw refusal(500, 0);
    return done;
  }

  #latency(operation: string, call: Call | undefined): number {
    const latencies = call?.setup.latencies ?? this.#world.settings.latencies;
    this.#requests += 1;
    const n = call ? call.nextRequest() : this.#requests;
    return draw(latencies.rest, call?.chance ?? this.#world.chance, operation, n);
  }
}

function route(method: string, path: string): { operation: RestOperation; params: Record<string, string> } {
  let known = false;
  for (const operation of OPERATIONS) {
    const match = operation.path.exec(path);
    if (!match) continue;
    known = true;
    if (operation.method === method) return { operation, params: { ...match.groups } };
  }
  if (known) throw new AcsError(405, 'MethodNotAllowed', 'The method is not allowed here.');
  throw new AcsError(404, 'NotFound', 'There is no such operation in this simulator.');
}

function parseBody(body: Buffer): unknown {
  if (body.length === 0) return {};
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw badRequest('The body is not JSON.');
  }
}

function refusal(status: 429 | 500 | 503, retryAfterSeconds: number): AcsError {
  const headers = { 'retry-after': String(retryAfterSeconds) };
  if (status === 429) return new AcsError(429, 'TooManyRequests', 'Too many requests.', { headers });
  if (status === 503) return new AcsError(503, 'ServiceUnavailable', 'The service is busy.', { headers });
  return new AcsError(500, 'InternalServerError', 'Unknown internal server error.');
}

function failure(error: unknown): Answer {
  let acs: AcsError;
  if (error instanceof AcsError) acs = error;
  else if (error instanceof SimError) acs = new AcsError(error.status, error.code, error.message);
  else acs = new AcsError(500, 'InternalServerError', messageOf(error), { inner: 'RTV_SIM_BUG' });
  return { status: acs.status, body: acs.body(), headers: { ...JSON_TYPE, ...acs.headers } };
}
