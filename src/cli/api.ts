/** What commands share that talk to a worker's API: where it is, its token, its problems, exit codes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { readStack, stateDirOf } from '../ops/stack-file.js';

/** Exit codes: done, refused or failed, wrong usage, no API to talk to. */
export const EXIT = { done: 0, failed: 1, usage: 2, unreachable: 3 } as const;
const DEADLINE_MS = 90_000;

export interface ApiFlags {
  readonly api?: string;
  readonly json?: boolean;
}

export class ApiFailure extends Error {
  readonly exit: number;

  constructor(message: string, exit: number) {
    super(message);
    this.exit = exit;
  }
}

export function apiFlags(command: Command): Command {
  return command
    .option('--api <url>', 'address of the API (default: that of the running stack); token in API_TOKEN')
    .option('--json', 'print one JSON object')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.done : EXIT.usage));
}

export function print(flags: ApiFlags, json: object, text: string): void {
  process.stdout.write(`${flags.json ? JSON.stringify(json, null, 2) : text}\n`);
}

export async function run(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
    process.exitCode = thrown instanceof ApiFailure ? thrown.exit : EXIT.failed;
  }
}

/** A request to the API below /api of the front door, or of `flags.api`. @throws ApiFailure */
export function api(
  flags: ApiFlags,
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const base = flags.api ?? readStack(stateDirOf(process.env))?.frontDoorUrl;
  if (!base) throw new ApiFailure('no stack is running here; name an API with --api URL', EXIT.unreachable);
  return ask(base, method, `/api${path}`, body, headers);
}

/** A request to some address of a worker. @throws ApiFailure */
export async function ask(
  base: string,
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const token = process.env.API_TOKEN || localToken(stateDirOf(process.env));
  if (!token) throw new ApiFailure('no API token: set API_TOKEN', EXIT.usage);
  let response: Response;
  try {
    response = await fetch(`${base.replace(/\/+$/, '')}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
      ...(method === 'POST' ? { body: JSON.stringify(body ?? {}) } : {}),
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
  } catch {
    throw new ApiFailure(`nothing answers at ${base}`, EXIT.unreachable);
  }
  const text = await response.text();
  const json = readJson(text);
  if (response.ok) return json;
  const { code, title, detail } = json as { code?: string; title?: string; detail?: string };
  const usage = response.status === 400 || code === 'RTV_OPERATION_UNKNOWN';
  throw new ApiFailure(
    [code ?? response.status, title, detail].filter(Boolean).join(' '),
    usage ? EXIT.usage : EXIT.failed,
  );
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** The token that the local runner made. */
function localToken(stateDir: string): string | undefined {
  try {
    const secrets = JSON.parse(readFileSync(join(stateDir, 'secrets.json'), 'utf8')) as { apiToken?: string };
    return secrets.apiToken;
  } catch {
    return undefined;
  }
}
