/**
 * Calls an actor through the own sidecar (Dapr actor API, POST /v1.0/actors/{type}/{id}/method/{method}).
 * Each call has a deadline of its own: the SDK's proxy has none, and calls through an unhealthy worker's sidecar hang
 * without end (facts about Dapr). Never throws.
 */
import { Agent, request } from 'undici';
import type { ErrorCode } from '../errors.js';
import type { Answer } from './ports.js';

export interface ActorClientOptions {
  readonly daprHost: string;
  readonly daprHttpPort: number;
  readonly daprApiToken?: string | undefined;
  /** W3C traceparent of the active span, for each request. */
  readonly traceparent?: () => string | undefined;
}

export interface ActorClient {
  call<T extends object>(
    type: string,
    id: string,
    method: string,
    args: object,
    deadlineMs?: number,
  ): Promise<Answer<T>>;
  registerReminder(type: string, id: string, name: string, periodSeconds: number): Promise<boolean>;
  unregisterReminder(type: string, id: string, name: string): Promise<boolean>;
  close(): Promise<void>;
}

const DEFAULT_DEADLINE_MS = 5_000;

const failed = <T extends object>(code: ErrorCode): Answer<T> => ({ ok: false, code });

export function createActorClient(options: ActorClientOptions): ActorClient {
  const base = `http://${options.daprHost}:${options.daprHttpPort}/v1.0/actors`;
  const agent = new Agent({ connections: 64, pipelining: 1, keepAliveTimeout: 30_000 });
  const path = (type: string, id: string): string => `${base}/${type}/${encodeURIComponent(id)}`;

  const headers = (): Record<string, string> => {
    const traceparent = options.traceparent?.();
    return {
      'content-type': 'application/json',
      ...(options.daprApiToken ? { 'dapr-api-token': options.daprApiToken } : {}),
      ...(traceparent ? { traceparent } : {}),
    };
  };

  const send = async (
    url: string,
    method: 'POST' | 'DELETE',
    body: object | undefined,
    deadlineMs: number,
  ) => {
    const response = await request(url, {
      dispatcher: agent,
      method,
      headers: headers(),
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(deadlineMs),
    });
    return { status: response.statusCode, text: await response.body.text() };
  };

  return {
    async call<T extends object>(
      type: string,
      id: string,
      method: string,
      args: object,
      deadlineMs = DEFAULT_DEADLINE_MS,
    ) {
      try {
        const { status, text } = await send(`${path(type, id)}/method/${method}`, 'POST', args, deadlineMs);
        if (status === 200) return JSON.parse(text) as Answer<T>;
        return failed<T>('RTV_ACTOR_UNREACHABLE');
      } catch (thrown) {
        const timedOut = thrown instanceof Error && thrown.name === 'TimeoutError';
        return failed<T>(timedOut ? 'RTV_ACTOR_DEADLINE' : 'RTV_ACTOR_UNREACHABLE');
      }
    },

    async registerReminder(type, id, name, periodSeconds) {
      // The data carries the name: receiveReminder gets none. Recurring: a lost tick costs a period, not the call.
      const every = `${periodSeconds}s`;
      // Many are registered at once after a worker's death: they must not come at once ever after.
      const first = `${Math.ceil(periodSeconds * (0.5 + Math.random() / 2))}s`;
      const body = { dueTime: first, period: every, data: JSON.stringify({ reminder: name }) };
      try {
        return (
          (await send(`${path(type, id)}/reminders/${name}`, 'POST', body, DEFAULT_DEADLINE_MS)).status < 300
        );
      } catch {
        return false;
      }
    },

    async unregisterReminder(type, id, name) {
      try {
        return (
          (await send(`${path(type, id)}/reminders/${name}`, 'DELETE', undefined, DEFAULT_DEADLINE_MS))
            .status < 300
        );
      } catch {
        return false;
      }
    },

    close: () => agent.close(),
  };
}
