import { Agent, request } from 'undici';
import type { HeardView } from './control/views.js';
import type { CallResult } from './core/report.js';
import type { PlaceCall } from './core/setup.js';
import { messageOf, SimError } from './errors.js';

/** One line of a call's progress. */
export type CallProgress = Readonly<Record<string, unknown>> & {
  readonly event: string;
  readonly atMs: number;
};

/** Talks to the control API of a running simulator. */
export class SimulatorClient {
  readonly baseUrl: string;
  readonly #agent = new Agent({ connections: 2000, headersTimeout: 120_000, bodyTimeout: 0 });

  /** @param url the simulator's address, with or without `/simulator`. */
  constructor(url: string) {
    this.baseUrl = url.replace(/\/+$/, '').replace(/\/simulator$/, '');
  }

  /** Places a call and follows it to its end. Throws SimError with the simulator's code. */
  async placeCall(
    call: PlaceCall,
    onProgress: (progress: CallProgress) => void = () => undefined,
    signal?: AbortSignal,
  ): Promise<CallResult> {
    const answer = await this.#request('POST', '/calls', call, signal);
    if (answer.statusCode !== 200) throw await failureOf(answer);
    let result: CallResult | undefined;
    let rest = '';
    const decoder = new TextDecoder();
    for await (const part of answer.body) {
      rest += decoder.decode(part as Uint8Array, { stream: true });
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const progress = JSON.parse(line) as CallProgress;
        if (progress.event === 'end') result = (progress as unknown as { result: CallResult }).result;
        onProgress(progress);
      }
    }
    if (!result)
      throw new SimError('RTV_SIM_UNREACHABLE', 'the simulator went away during the call', { status: 503 });
    return result;
  }

  /** The recording of a finished call as WAV. */
  async recording(callConnectionId: string, channels: 1 | 2): Promise<Buffer> {
    const answer = await this.#request(
      'GET',
      `/calls/${callConnectionId}/recording.wav?channels=${channels}`,
    );
    if (answer.statusCode !== 200) throw await failureOf(answer);
    return Buffer.from(await answer.body.arrayBuffer());
  }

  /** What the far end of a call witnessed. @param since Unix ms; earlier voice is left out */
  async heard(callConnectionId: string, since = 0): Promise<HeardView> {
    return (await this.json('GET', `/calls/${callConnectionId}/heard?since=${since}`)) as HeardView;
  }

  /** GET or POST of anything else; the answer's JSON. */
  async json(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<unknown> {
    const answer = await this.#request(method, path, body);
    if (answer.statusCode !== 200) throw await failureOf(answer);
    return answer.body.json();
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #request(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown, signal?: AbortSignal) {
    try {
      return await request(`${this.baseUrl}/simulator${path}`, {
        method,
        dispatcher: this.#agent,
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
        ...(signal === undefined ? {} : { signal }),
      });
    } catch (error) {
      throw new SimError(
        'RTV_SIM_UNREACHABLE',
        `no simulator answers at ${this.baseUrl}: ${messageOf(error)}`,
        {
          status: 503,
          cause: error,
        },
      );
    }
  }
}

async function failureOf(answer: {
  statusCode: number;
  body: { text(): Promise<string> };
}): Promise<SimError> {
  const text = await answer.body.text();
  try {
    const { error } = JSON.parse(text) as { error: { code: SimError['code']; message: string } };
    return new SimError(error.code, error.message, { status: answer.statusCode });
  } catch {
    return new SimError('RTV_SIM_UNREACHABLE', `the simulator answered ${answer.statusCode}`, {
      status: answer.statusCode,
    });
  }
}
