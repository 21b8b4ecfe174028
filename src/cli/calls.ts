/** rtvoice calls: list, look at and control live calls over the control API. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { readStack, stateDirOf } from '../ops/stack-file.js';

/** Exit codes of all four: done, refused or failed, wrong usage, no API to talk to. */
const EXIT = { done: 0, failed: 1, usage: 2, unreachable: 3 } as const;
const DEADLINE_MS = 90_000;

interface ApiFlags {
  readonly api?: string;
  readonly json?: boolean;
}

class ApiFailure extends Error {
  readonly exit: number;

  constructor(message: string, exit: number) {
    super(message);
    this.exit = exit;
  }
}

export function callsCommand(): Command {
  const calls = new Command('calls').description('list, look at and control live calls');
  apiFlags(calls.command('list'))
    .description('ids of live calls')
    .action((flags: ApiFlags) =>
      run(async () => {
        const { calls: ids } = (await api(flags, 'GET', '/calls?limit=1000')) as { calls: string[] };
        print(flags, { calls: ids }, ids.join('\n'));
      }),
    );
  apiFlags(calls.command('show <id>'))
    .description('state of a call and its operations')
    .action((id: string, flags: ApiFlags) =>
      run(async () => {
        const path = `/calls/${encodeURIComponent(id)}`;
        const call = (await api(flags, 'GET', path)) as Record<string, unknown>;
        const { operations } = (await api(flags, 'GET', `${path}/operations`)) as {
          operations: Record<string, unknown>[];
        };
        const lines = [
          ...Object.entries(call).map(([name, value]) => `${name.padEnd(17)} ${String(value)}`),
          ...operations.map((one) => `operation         ${operationLine(one)}`),
        ];
        print(flags, { ...call, operations }, lines.join('\n'));
      }),
    );
  apiFlags(calls.command('hangup <id>'))
    .description('end a call for everyone')
    .option('--leave', 'leave the call instead, others go on')
    .action((id: string, flags: ApiFlags & { leave?: boolean }) =>
      run(() => operate(id, 'hangUp', { forEveryone: !flags.leave }, { ...flags, wait: '15' })),
    );
  apiFlags(calls.command('control <id> <operation> [arguments]'))
    .description('one operation, its arguments as JSON: play, transfer, hold, startRecording …')
    .option('--wait <seconds>', 'wait for the outcome', '0')
    .option('--key <key>', 'idempotency key')
    .action((id: string, operation: string, args: string | undefined, flags: ControlFlags) =>
      run(() => operate(id, operation, parse(args), flags)),
    );
  return calls;
}

interface ControlFlags extends ApiFlags {
  readonly wait?: string;
  readonly key?: string;
}

function apiFlags(command: Command): Command {
  return command
    .option('--api <url>', 'address of the API (default: that of the running stack); token in API_TOKEN')
    .option('--json', 'print one JSON object')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.done : EXIT.usage));
}

async function operate(id: string, operation: string, args: unknown, flags: ControlFlags): Promise<void> {
  const wait = Number(flags.wait ?? 0);
  if (!(wait >= 0)) throw new ApiFailure('--wait takes seconds', EXIT.usage);
  const path = `/calls/${encodeURIComponent(id)}/${encodeURIComponent(operation)}`;
  const outcome = (await api(flags, 'POST', path, args, {
    ...(wait > 0 ? { prefer: `wait=${Math.ceil(wait)}` } : {}),
    ...(flags.key ? { 'idempotency-key': flags.key } : {}),
  })) as Record<string, unknown>;
  print(flags, outcome, operationLine(outcome));
  if (outcome.state === 'settled' && outcome.status !== 'succeeded') process.exitCode = EXIT.failed;
}

const operationLine = (one: Record<string, unknown>): string =>
  [
    one.kind,
    one.state === 'settled' ? one.status : 'under way',
    one.code ?? resultOf(one.result),
    one.recordingId ?? '',
    one.id,
  ]
    .filter((part) => part !== '')
    .map(String)
    .join('  ');

const resultOf = (result: unknown): string => {
  const { code, subCode } = (result ?? {}) as { code?: number; subCode?: number };
  return code === undefined || code === 200 ? '' : `${code}/${subCode ?? 0}`;
};

function parse(args: string | undefined): unknown {
  try {
    return args === undefined ? {} : JSON.parse(args);
  } catch {
    throw new ApiFailure('the arguments are no JSON', EXIT.usage);
  }
}

function print(flags: ApiFlags, json: object, text: string): void {
  process.stdout.write(`${flags.json ? JSON.stringify(json, null, 2) : text}\n`);
}

async function run(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
    process.exitCode = thrown instanceof ApiFailure ? thrown.exit : EXIT.failed;
  }
}

async function api(
  flags: ApiFlags,
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const stateDir = stateDirOf(process.env);
  const base = flags.api ?? readStack(stateDir)?.frontDoorUrl;
  if (!base) throw new ApiFailure('no stack is running here; name an API with --api URL', EXIT.unreachable);
  const token = process.env.API_TOKEN || localToken(stateDir);
  if (!token) throw new ApiFailure('no API token: set API_TOKEN', EXIT.usage);
  let response: Response;
  try {
    response = await fetch(`${base.replace(/\/+$/, '')}/api${path}`, {
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
