/** rtvoice calls: list, look at and control live calls over the control API. */
import { Command } from 'commander';
import { ApiFailure, type ApiFlags, api, apiFlags, EXIT, print, run } from './api.js';
import { timelineCommand } from './timeline.js';

export function callsCommand(): Command {
  const calls = new Command('calls').description('list, look at and control calls');
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
  calls.addCommand(timelineCommand());
  return calls;
}

interface ControlFlags extends ApiFlags {
  readonly wait?: string;
  readonly key?: string;
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
