import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import { encodeWav } from '../../audio/wav.js';
import type { Call } from '../core/call.js';
import { fromRawId, phone } from '../core/identity.js';
import { endCall, placeCall } from '../core/lifecycle.js';
import { placeCallSchema, resolveSetup } from '../core/setup.js';
import type { World } from '../core/world.js';
import { messageOf, SimError } from '../errors.js';
import { validateCloudEvents, validateSubscription } from '../events/event-grid.js';
import { readBody, respond, respondJson } from './http.js';
import { describeCall, describeHeard, describeStats } from './views.js';

const calleeSchema = placeCallSchema
  .pick({
    script: true,
    seed: true,
    faults: true,
    latency: true,
    voice: true,
    record: true,
    patienceMs: true,
    agentSilenceMs: true,
    ringMs: true,
    maxMs: true,
  })
  .extend({ number: z.string().min(1) });

/** The simulator's own API below /simulator: places calls, tells what became of them. */
export class Control {
  readonly #world: World;
  readonly #url: () => string;
  #seeds = 0;

  constructor(world: World, url: () => string) {
    this.#world = world;
    this.#url = url;
  }

  /** Answers one request; never throws. */
  async handle(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    try {
      // A page in a browser has no business here.
      if (request.headers.origin !== undefined) {
        throw new SimError('RTV_SIM_REQUEST_INVALID', 'requests from web pages are refused', { status: 403 });
      }
      await this.#route(request, response, url);
    } catch (error) {
      const known = error instanceof SimError ? error : undefined;
      respondJson(response, known?.status ?? 500, {
        error: { code: known?.code ?? 'RTV_SIM_REQUEST_INVALID', message: messageOf(error) },
      });
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const path = url.pathname.replace(/^\/simulator/, '');
    const route = `${request.method} ${path}`;
    if (route === 'GET /health') return respondJson(response, 200, { status: 'ok', url: this.#url() });
    if (route === 'GET /stats') return respondJson(response, 200, describeStats(this.#world));
    if (route === 'POST /calls') return this.#place(request, response);
    if (route === 'GET /calls') {
      return respondJson(response, 200, { calls: this.#world.registry.all().map((call) => call.id) });
    }
    if (route === 'POST /callees') return this.#callee(request, response);
    if (route === 'POST /validate') return this.#validate(request, response);
    if (route === 'POST /keys/rotate') {
      return respondJson(response, 200, { kid: await this.#world.signer.rotate() });
    }
    const match = /^\/calls\/([^/]+)(?:\/([a-z-]+|recording\.wav))?$/.exec(path);
    if (!match) throw new SimError('RTV_SIM_NOT_FOUND', 'there is nothing here', { status: 404 });
    const call = this.#world.registry.byId(match[1] ?? '');
    if (!call)
      throw new SimError('RTV_SIM_CALL_UNKNOWN', 'there is no call of this id (any more)', { status: 404 });
    return this.#callRoute(`${request.method} ${match[2] ?? ''}`.trim(), call, response, url);
  }

  #callRoute(route: string, call: Call, response: ServerResponse, url: URL): void {
    if (route === 'GET recording.wav') {
      recording(call, url, response);
      return;
    }
    if (route === 'GET heard') {
      respondJson(response, 200, describeHeard(call, Number(url.searchParams.get('since') ?? 0)));
      return;
    }
    if (route === 'DELETE') endCall(call, 'cancelled', 'caller');
    else if (route === 'POST cut-media') call.media?.cut();
    else if (route === 'POST cut-transcription') call.transcription?.cut();
    else if (route === 'POST freeze-media') call.media?.freeze();
    else if (route !== 'GET')
      throw new SimError('RTV_SIM_NOT_FOUND', 'there is nothing here', { status: 404 });
    respondJson(response, 200, describeCall(call));
  }

  /** Places a call and streams its progress, one JSON object a line, until its end. */
  async #place(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await parse(placeCallSchema, request);
    this.#seeds += 1;
    const setup = resolveSetup(body, this.#world.settings, this.#world.settings.seed + this.#seeds - 1);
    const call = await placeCall(this.#world, setup);
    if (response.destroyed) return endCall(call, 'cancelled', 'caller');
    response.writeHead(200, {
      'content-type': 'application/x-ndjson; charset=utf-8',
      'cache-control': 'no-store',
    });
    response.on('close', () => {
      unfollow();
      if (!response.writableFinished && body.detach !== true) endCall(call, 'cancelled', 'caller');
    });
    const unfollow = call.follow((progress) => {
      response.write(`${JSON.stringify(progress)}\n`);
      if (progress.event === 'end') response.end();
    });
  }

  async #callee(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { number, ...callee } = await parse(calleeSchema, request);
    // A mistake in the setup is told now, not when the number is called.
    resolveSetup(callee, this.#world.settings, 0);
    const identifier = number.startsWith('+') ? phone(number) : fromRawId(number);
    this.#world.callees.set(identifier.rawId, callee);
    respondJson(response, 200, { rawId: identifier.rawId });
  }

  async #validate(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const schema = z.strictObject({
      url: z.url().optional(),
      schema: z.enum(['eventGrid', 'cloudEvents']).optional(),
    });
    const body = await parse(schema, request);
    const url = body.url ?? this.#world.settings.incomingUrl;
    if (url === undefined) throw new SimError('RTV_SIM_NO_INCOMING_URL', 'no URL to validate');
    const target = { url, headers: this.#world.settings.incomingHeaders, topic: '/subscriptions/simulator' };
    const validate = body.schema === 'cloudEvents' ? validateCloudEvents : validateSubscription;
    respondJson(response, 200, await validate(this.#world.poster, target));
  }
}

function recording(call: Call, url: URL, response: ServerResponse): void {
  const { recorder } = call;
  if (!recorder) {
    throw new SimError('RTV_SIM_RECORDING_GONE', 'the call was not recorded, or its recording was dropped', {
      status: 404,
    });
  }
  const stereo = url.searchParams.get('channels') === '2';
  const rate = call.media?.rate ?? 16000;
  const wav = stereo ? encodeWav(recorder.stereo(), rate, 2) : encodeWav(recorder.mono(), rate);
  respond(response, 200, wav, { 'content-type': 'audio/wav' });
}

async function parse<S extends z.ZodType>(schema: S, request: IncomingMessage): Promise<z.infer<S>> {
  const bytes = await readBody(request);
  if (bytes === undefined)
    throw new SimError('RTV_SIM_REQUEST_INVALID', 'the body is too large', { status: 413 });
  let value: unknown;
  try {
    value = bytes.length === 0 ? {} : JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new SimError('RTV_SIM_REQUEST_INVALID', 'the body is not JSON');
  }
  const result = schema.safeParse(value);
  if (!result.success) throw new SimError('RTV_SIM_REQUEST_INVALID', z.prettifyError(result.error));
  return result.data;
}
