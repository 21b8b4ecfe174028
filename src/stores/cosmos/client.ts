import { Agent as HttpsAgent } from 'node:https';
import { type Container, CosmosClient, type CosmosClientOptions, type Database } from '@azure/cosmos';
import { CONTAINERS, type ContainerName } from './containers.js';

export interface CosmosSettings {
  /** COSMOS_ENDPOINT; http is accepted for local stand-ins. */
  readonly endpoint: string;
  /** COSMOS_KEY; without it Entra ID is used (DefaultAzureCredential). */
  readonly key?: string;
  /** COSMOS_DATABASE. */
  readonly database: string;
  /** Deadline of one request in ms. Default 5000. */
  readonly deadlineMs?: number;
  /** Most connections at a time (https). Default 128. */
  readonly connections?: number;
}

export interface Cosmos {
  readonly client: CosmosClient;
  readonly database: Database;
  /** Deadline of one operation in ms. */
  readonly deadlineMs: number;
  container(name: ContainerName): Container;
  /** Ends background work and idle connections. */
  close(): void;
}

const DEFAULT_DEADLINE_MS = 5000;

/**
 * A client for the permanent tier. Retries are left to its users: the SDK's own 429 retries are off, so that
 * retry-after is seen, and each operation runs under `withDeadline`, because the SDK repeats reads for minutes.
 */
export async function cosmosFrom(settings: CosmosSettings): Promise<Cosmos> {
  const http = settings.endpoint.startsWith('http://');
  const deadlineMs = settings.deadlineMs ?? DEFAULT_DEADLINE_MS;
  // The SDK allows http only with its own agent.
  const agent = http
    ? undefined
    : new HttpsAgent({ keepAlive: true, minVersion: 'TLSv1.2', maxSockets: settings.connections ?? 128 });
  const options: CosmosClientOptions = {
    endpoint: settings.endpoint,
    ...(settings.key === undefined ? { aadCredentials: await entraCredential() } : { key: settings.key }),
    ...(agent === undefined ? {} : { agent }),
    userAgentSuffix: 'rtvoice',
    connectionPolicy: {
      requestTimeout: deadlineMs,
      // A stand-in names addresses of its own; there is nothing to discover behind http.
      enableEndpointDiscovery: !http,
      enableBackgroundEndpointRefreshing: !http,
      retryOptions: { maxRetryAttemptCount: 0 },
    },
  };
  const client = new CosmosClient(options);
  const database = client.database(settings.database);
  return {
    client,
    database,
    deadlineMs,
    container: (name) => database.container(CONTAINERS[name].id),
    close: () => {
      client.dispose();
      agent?.destroy();
    },
  };
}

async function entraCredential(): Promise<NonNullable<CosmosClientOptions['aadCredentials']>> {
  // Loaded only where it is used: it costs tens of ms at start.
  const { DefaultAzureCredential } = await import('@azure/identity');
  return new DefaultAzureCredential();
}

class CosmosDeadlineError extends Error {
  readonly code = 'deadline';
}

/** Runs one operation with a deadline that also ends the SDK's own repeats. */
export async function withDeadline<T>(ms: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const abort = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      abort.abort();
      reject(new CosmosDeadlineError(`no answer from Cosmos DB within ${ms} ms`));
    }, ms);
  });
  const work = run(abort.signal);
  // The losing side of the race still settles: its rejection must not go unhandled.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

export interface CosmosFault {
  /** HTTP status, absent where there was no answer. */
  readonly status?: number;
  readonly code: string;
  readonly retryAfterMs?: number;
}

/** What an exception of the SDK says. Message texts are left out: they may hold data. */
export function faultOf(error: unknown): CosmosFault {
  if (typeof error !== 'object' || error === null) return { code: 'unexpected' };
  const fields = error as Record<string, unknown>;
  const { code } = fields;
  if (typeof code === 'number') {
    const after = fields.retryAfterInMs;
    return {
      status: code,
      code: `HTTP_${code}`,
      ...(typeof after === 'number' && Number.isFinite(after) ? { retryAfterMs: after } : {}),
    };
  }
  if (typeof code === 'string') return { code };
  return { code: typeof fields.name === 'string' ? fields.name : 'unexpected' };
}
