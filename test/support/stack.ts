/** A whole stack for tests and benches, in a folder of its own, and what they look at in it. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { readStack, type StackInfo } from '../../src/ops/stack-file.js';
import { localSeal, type Seal } from '../../src/privacy/seal.js';
import { type AuditRecord, dayOf, parseRecord } from '../../src/record/audit-record.js';
import { parseDocument, type SummaryDocument, type TurnDocument } from '../../src/record/documents.js';
import { type Profile, parseProfile } from '../../src/record/profile.js';
import { type CallProgress, SimulatorClient } from '../../src/simulator/client.js';
import type { CallResult } from '../../src/simulator/core/report.js';
import type { PlaceCall } from '../../src/simulator/core/setup.js';
import { type Cosmos, cosmosFrom } from '../../src/stores/cosmos/client.js';
import { Component, RedisKeyManager } from '../../src/stores/keys.js';
import { FIXED_TTL_SECONDS } from '../../src/stores/ttl.js';
import { loadSecrets, type StackSecrets } from '../../tools/stack/secrets.js';
import { type Stack, startStack } from '../../tools/stack/stack.js';

/** The repository: this file lies in test/support, or compiled in dist/test/support. */
export const ROOT = resolve(
  fileURLToPath(new URL('.', import.meta.url)),
  import.meta.url.includes('/dist/') ? '../../..' : '../..',
);

/** Settings of the person who runs the tests must not reach the stack under test. */
const OTHERS_SETTINGS = [
  ...['ENVIRONMENT', 'LOG_LEVEL', 'TTL_MULTIPLIER', 'PUBLIC_BASE_URL', 'FRONT_DOOR_PORT', 'DRAIN_GRACE_MS'],
  'CALL_REMINDER_S',
  ...['REDIS_HOST', 'REDIS_PORT', 'REDIS_SSL', 'REDIS_USERNAME', 'REDIS_PASSWORD', 'REDIS_MODE'],
  ...['COSMOS_ENDPOINT', 'COSMOS_KEY', 'COSMOS_DATABASE', 'ACS_CONNECTION_STRING', 'ACS_ALLOW_INSECURE'],
  ...['APP_API_TOKEN', 'DAPR_API_TOKEN', 'RTVOICE_DATA_KEY', 'RTVOICE_URL_SECRET'],
  ...['AGENT_KIND', 'AGENT_BASE_URL', 'AGENT_API_KEY', 'AGENT_API_VERSION', 'AGENT_SCRIPT', 'AGENT_PROMPTS'],
  ...['SPOKEN_TEXTS', 'SPEECH_KIND', 'SPEECH_VOICE', 'SPEECH_VOICES', 'SPEECH_LOCALE'],
  ...['OTEL_EXPORTER_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_PROTOCOL', 'OTEL_EXPORTER_OTLP_INSECURE'],
];

export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of a stack under test: this process's without the settings of its user. */
export const testEnvironment = (env: Environment = {}): Environment => ({
  ...Object.fromEntries(OTHERS_SETTINGS.map((name) => [name, undefined])),
  ...env,
});

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program of ours with Node to its end. @param script path from the repository's root */
export async function runNode(
  script: string,
  args: readonly string[],
  env: Environment = {},
  signal?: AbortSignal,
): Promise<Ran> {
  const child = spawn(process.execPath, [join(ROOT, script), ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(signal ? { signal } : {}),
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const code = await new Promise<number | null>((done, reject) => {
    child.once('error', reject);
    child.once('close', done);
  });
  return { code, stdout, stderr };
}

/** Waits until something is there, asked for every `everyMs`. @throws Error that says what was waited for */
export async function eventually<T>(
  what: string,
  find: () => Promise<T | undefined | false> | T | undefined | false,
  withinMs = 30_000,
  everyMs = 100,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const found = await find();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await sleep(everyMs);
  }
}

/** What a sidecar says of itself, as far as tests look. */
export interface SidecarMetadata {
  readonly actors?: readonly { readonly type: string; readonly count?: number }[];
  readonly actorRuntime?: {
    readonly hostReady?: boolean;
    readonly placement?: string;
    readonly activeActors?: readonly { readonly type: string; readonly count?: number }[];
  };
}

/** Looks into a stack that runs in some state folder, through its stores and APIs. */
export class StackView {
  readonly stateDir: string;
  readonly secrets: StackSecrets;
  readonly seal: Seal;
  readonly redis: Redis;
  readonly simulator: SimulatorClient;
  readonly #cosmos: Cosmos;
  readonly #pretended = new Map<string, NodeJS.Timeout>();

  private constructor(stateDir: string, info: StackInfo, secrets: StackSecrets, cosmos: Cosmos) {
    this.stateDir = stateDir;
    this.secrets = secrets;
    this.seal = localSeal(Buffer.from(secrets.dataKey, 'base64'));
    this.redis = new Redis({
      host: info.redis.host,
      port: info.redis.port,
      password: secrets.redisPassword,
      maxRetriesPerRequest: 1,
    });
    // A store that is killed by a test is no news; commands fail by themselves.
    this.redis.on('error', () => undefined);
    this.simulator = new SimulatorClient(info.acs.controlUrl ?? info.acs.endpoint);
    this.#cosmos = cosmos;
  }

  static async open(stateDir: string): Promise<StackView> {
    const info = infoOf(stateDir);
    const secrets = loadSecrets(stateDir);
    const { endpoint } = info.cosmos;
    const cosmos = await cosmosFrom({ endpoint, key: secrets.cosmosKey, database: 'rtvoice' });
    return new StackView(stateDir, info, secrets, cosmos);
  }

  get info(): StackInfo {
    return infoOf(this.stateDir);
  }

  /** `rtvoice …` in a process of its own. */
  rtvoice(args: readonly string[], signal?: AbortSignal): Promise<Ran> {
    return runNode('bin/rtvoice.mjs', args, { RTVOICE_STATE_DIR: this.stateDir }, signal);
  }

  /** Places a call to this stack and follows it to its end. */
  place(
    call: PlaceCall = {},
    onProgress?: (progress: CallProgress) => void,
    signal?: AbortSignal,
  ): Promise<CallResult> {
    return this.simulator.placeCall(
      { record: false, incomingUrl: this.info.incomingUrl, ...call },
      onProgress,
      signal,
    );
  }

  /** GET /v1.0/metadata of each worker's sidecar. */
  metadata(): Promise<SidecarMetadata[]> {
    return Promise.all(
      this.info.workers.map(async ({ daprHttpPort }) => {
        const answer = await fetch(`http://127.0.0.1:${daprHttpPort}/v1.0/metadata`, this.#dapr());
        return (await answer.json()) as SidecarMetadata;
      }),
    );
  }

  /** Call actors in memory, over all workers, as their sidecars count them. */
  async activeCalls(): Promise<number> {
    const all = await this.metadata();
    const counts = all.flatMap((sidecar) => sidecar.actorRuntime?.activeActors ?? []);
    return counts.reduce((sum, { type, count }) => sum + (type === 'CallActor' ? (count ?? 0) : 0), 0);
  }

  /** Calls a method of a call's actor. This activates it where it is not. */
  async actor(callId: string, method: string, args: object = {}): Promise<Record<string, unknown>> {
    const url = `${this.#sidecar()}/v1.0/actors/CallActor/${encodeURIComponent(callId)}/method/${method}`;
    const answer = await fetch(url, {
      method: 'POST',
      body: JSON.stringify(args),
      ...this.#dapr({ 'content-type': 'application/json' }),
    });
    return (await answer.json()) as Record<string, unknown>;
  }

  /**
   * A worker in name only beats until the view is closed: calls whose audio a test claims for it are left alone. By the
   * TTL of a heartbeat, since the audit of TTLs shortens a longer one.
   */
  async pretendWorker(workerId: string): Promise<void> {
    const key = new RedisKeyManager({ environment: 'dev' }).workerKey(workerId, Component.HEARTBEAT);
    const beat = async (): Promise<void> => {
      await this.redis.set(key, '{}', 'PX', FIXED_TTL_SECONDS.heartbeat * 1_000);
    };
    await beat();
    clearInterval(this.#pretended.get(workerId));
    // A store that is killed by a test is no news.
    this.#pretended.set(workerId, setInterval(() => void beat().catch(() => undefined), 500).unref());
  }

  /** Whether the scheduler holds the call's reminder. */
  async hasReminder(callId: string): Promise<boolean> {
    const url = `${this.#sidecar()}/v1.0/actors/CallActor/${encodeURIComponent(callId)}/reminders/keep`;
    const answer = await fetch(url, this.#dapr());
    const text = await answer.text();
    if (answer.status === 200) return true;
    if (answer.status === 404 && text.includes('ERR_ACTOR_REMINDER_NOT_FOUND')) return false;
    throw new Error(`the sidecar answered ${answer.status} when asked for a reminder`);
  }

  /** All documents of a session's transcript, turns in the order of their numbers. */
  async transcript(callId: string): Promise<{ turns: TurnDocument[]; summaries: SummaryDocument[] }> {
    const { resources } = await this.#cosmos
      .container('transcripts')
      .items.query<{ value: unknown }>(
        {
          query: 'SELECT * FROM c WHERE c.partitionKey = @id',
          parameters: [{ name: '@id', value: callId }],
        },
        { partitionKey: callId },
      )
      .fetchAll();
    const documents = resources.map(({ value }) => {
      const document = parseDocument(value);
      if (!document) throw new Error('a transcript document of no known shape');
      return document;
    });
    const turns = documents.filter((document): document is TurnDocument => 'role' in document);
    const summaries = documents.filter(
      (document): document is SummaryDocument => 'kind' in document && document.kind === 'summary',
    );
    return { turns: turns.sort((a, b) => a.seq - b.seq), summaries };
  }

  /** What the audit log holds about a session, or of calls that never were one: today's records, oldest first. */
  async audited(of: { sessionId?: string; correlationId?: string }): Promise<AuditRecord[]> {
    const days = [Date.now() - 86_400_000, Date.now()].map(dayOf);
    const all = await Promise.all(
      days.map((day) =>
        this.#cosmos
          .container('audit')
          .items.query({ query: "SELECT * FROM c WHERE c.kind = 'record'" }, { partitionKey: day })
          .fetchAll(),
      ),
    );
    return all
      .flatMap(({ resources }) => resources.flatMap((item) => parseRecord(item) ?? []))
      .filter(({ sessionId, correlationId }) =>
        of.sessionId === undefined ? correlationId === of.correlationId : sessionId === of.sessionId,
      )
      .sort((a, b) => (a.day === b.day ? a.n - b.n : a.day < b.day ? -1 : 1));
  }

  async profile(subjectId: string): Promise<Profile | undefined> {
    const item = await this.#cosmos
      .container('profiles')
      .item(subjectId, subjectId)
      .read<Record<string, unknown>>();
    return parseProfile(item.resource);
  }

  /** Sum of a counter or gauge over all workers, and over all labels but those given, as Prometheus reads it. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const texts = await Promise.all(
      this.info.workers.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()),
    );
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    return texts
      .flatMap((text) => text.split('\n'))
      .map((line) => /^(\w+)(\{.*\})? (\S+)/.exec(line))
      .filter((line) => line?.[1] === name && wanted.every((label) => line[2]?.includes(label)))
      .reduce((sum, line) => sum + Number(line?.[3]), 0);
  }

  /** Raw latencies that the workers kept: GET or DELETE /debug/latencies behind their app ports. */
  async samples(method: 'GET' | 'DELETE' = 'GET'): Promise<WorkerSamples[]> {
    const { ports, workers } = this.info;
    const all = await Promise.all(
      workers.map(async ({ id }) => {
        const answer = await fetch(`http://127.0.0.1:${ports[`${id}-app`]}/debug/latencies`, {
          method,
          headers: { 'dapr-api-token': this.secrets.appApiToken },
        });
        if (!answer.ok) throw new Error(`${id} answered ${answer.status} for its latencies`);
        return method === 'GET' ? ((await answer.json()) as WorkerSamples[]) : [];
      }),
    );
    return all.flat();
  }

  async close(): Promise<void> {
    for (const timer of this.#pretended.values()) clearInterval(timer);
    this.redis.disconnect();
    this.#cosmos.close();
    await this.simulator.close();
  }

  #sidecar(): string {
    return `http://127.0.0.1:${this.info.workers[0]?.daprHttpPort}`;
  }

  #dapr(headers: Record<string, string> = {}): { headers: Record<string, string> } {
    return { headers: { 'dapr-api-token': this.secrets.daprApiToken, ...headers } };
  }
}

export interface WorkerSamples {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly count: number;
  readonly values: readonly number[];
}

export interface TestStack {
  readonly stack: Stack;
  readonly view: StackView;
  /** Ends the stack and removes its folder; with RTVOICE_KEEP set the folder stays, for its logs. */
  remove(): Promise<void>;
}

/** Starts a stack in a temporary folder, on free ports, and waits until it is ready. */
export async function startTestStack(
  options: { workers?: number; env?: Environment; say?: (line: string) => void; signal?: AbortSignal } = {},
): Promise<TestStack> {
  const stateDir = await mkdtemp(join(tmpdir(), 'rtvoice-stack-'));
  const { env, ...rest } = options;
  const stack = await startStack({ ...rest, stateDir, env: testEnvironment(env), readyWithinMs: 120_000 });
  const view = await StackView.open(stateDir);
  return {
    stack,
    view,
    async remove() {
      await view.close();
      await stack.stop();
      if (!process.env.RTVOICE_KEEP) await rm(stateDir, { recursive: true, force: true });
    },
  };
}

/** The whole of a request's body. */
export async function readAll(request: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** Free text of a file, '' where there is none. */
export const readText = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');

function infoOf(stateDir: string): StackInfo {
  const info = readStack(stateDir);
  if (!info) throw new Error('there is no stack.json');
  return info;
}
