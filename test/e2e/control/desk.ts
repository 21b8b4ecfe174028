/** The control API of a stack under test, and calls for it to control. */
import type { CallResult } from '../../../src/simulator/core/report.js';
import type { PlaceCall } from '../../../src/simulator/core/setup.js';
import { eventually, type StackView } from '../../support/stack.js';

export const CALLER = '4:+15550100';
export const STRANGER = '4:+15550777';
export const COLLEAGUE = '4:+15550123';
export const OUR_NUMBER = '+15550199';
/** Calls to these are not answered: see `POLICY`. */
export const REJECTED_NUMBER = '+15550198';
export const REDIRECTED_NUMBER = '+15550197';
export const POLICY = `${REJECTED_NUMBER}=reject,${REDIRECTED_NUMBER}=redirect:${COLLEAGUE}`;
export const SAY = { sources: [{ kind: 'text', text: 'One moment.' }] };

export interface Operation {
  readonly id: string;
  readonly kind: string;
  readonly state: 'open' | 'settled';
  readonly status?: string;
  readonly code?: string;
  readonly recordingId?: string;
  readonly result?: { readonly code: number; readonly subCode: number };
  readonly repeated?: boolean;
}

export interface Answer {
  readonly status: number;
  readonly body: Operation & { readonly detail?: string };
  readonly location: string | null;
}

export interface QuietCall {
  readonly id: string;
  readonly result: Promise<CallResult>;
  /** The caller hangs up. */
  end(): Promise<CallResult>;
}

export class ControlDesk {
  readonly view: StackView;

  constructor(view: StackView) {
    this.view = view;
  }

  async api(
    method: 'GET' | 'POST',
    path: string,
    body?: object,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const answer = await fetch(`${this.view.info.publicBaseUrl}/api${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.view.secrets.apiToken}`,
        'content-type': 'application/json',
        ...headers,
      },
      ...(method === 'POST' ? { body: JSON.stringify(body ?? {}) } : {}),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      body: (text === '' ? {} : JSON.parse(text)) as Operation,
      location: answer.headers.get('location'),
    };
  }

  /** Asks for an operation and waits for its outcome. */
  outcome(callId: string, operation: string, args: object = {}, deadlineMs?: number): Promise<Answer> {
    const query = deadlineMs ? `?deadlineMs=${deadlineMs}` : '';
    return this.api('POST', `/calls/${callId}/${operation}${query}`, args, { prefer: 'wait=20' });
  }

  /** Another look at an operation, under the address that its answer named. */
  again(answer: Answer): Promise<Answer> {
    return this.api('GET', answer.location?.replace('/api', '') ?? '');
  }

  async operations(callId: string): Promise<Operation[]> {
    const { body } = await this.api('GET', `/calls/${callId}/operations`);
    return (body as unknown as { operations?: Operation[] }).operations ?? [];
  }

  /** Waits for the outcome of the operation that made a call. */
  async born(callId: string, kind: 'answer' | 'createCall'): Promise<Operation> {
    return eventually(`the outcome of ${kind}`, async () => {
      const found = (await this.operations(callId)).find((one) => one.kind === kind);
      return found?.state === 'settled' && found;
    });
  }

  /** A connected call, both sockets open, whose caller says nothing. */
  async quietCall(call: PlaceCall = {}): Promise<QuietCall> {
    const { view } = this;
    let id = '';
    const seen = new Set<string>();
    const result = view.place(
      { script: [{ waitMs: 120_000 }], patienceMs: 120_000, latency: 'none', ...call },
      (progress) => {
        seen.add(progress.event);
        if (progress.event === 'ringing') id = String(progress.callConnectionId);
      },
    );
    result.catch(() => undefined);
    await eventually('the call and its sockets', () => seen.has('media') && seen.has('transcription'));
    await eventually('the actor knows', async () => (await this.describe(id)).phase === 'connected');
    return {
      id,
      result,
      async end() {
        await view.simulator.json('DELETE', `/calls/${id}`).catch(() => undefined);
        return result;
      },
    };
  }

  /** Calls a number. */
  create(body: object, headers: Readonly<Record<string, string>> = {}, query = ''): Promise<Answer> {
    return this.api('POST', `/calls${query}`, body, headers);
  }

  /** How a number behaves that is called. */
  callee(number: string, rest: object = {}): Promise<unknown> {
    return this.view.simulator.json('POST', '/callees', { number, script: [{ waitMs: 60_000 }], ...rest });
  }

  /** What the actor says of a call; asking wakes it. */
  describe(callId: string): Promise<Record<string, unknown>> {
    return this.view.actor(callId, 'describe');
  }

  /** Incoming calls by what became of them. */
  incoming(outcome: string): Promise<number> {
    return this.view.metric('rtvoice_calls_answered_total', { outcome });
  }
}

export const createdId = (answer: Answer): string =>
  (answer.body as unknown as { callConnectionId: string }).callConnectionId;
