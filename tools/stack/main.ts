/** `npm start`: the whole system on this machine, in the foreground. */
import { spawn } from 'node:child_process';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readArguments, USAGE } from './arguments.js';
import { type Stack, startStack } from './stack.js';

const begun = performance.now();
// One Ctrl-C can arrive twice, from the terminal and from npm: only a later one is a second wish.
const SAME_WISH_MS = 700;
const PARENT_CHECK_MS = 300;

const say = (line: string): void => {
  process.stdout.write(`${((performance.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${line}\n`);
};

function describe(stack: Stack): void {
  const { info } = stack;
  const from = relative(process.cwd(), info.logsDir) || '.';
  const lines = [
    '',
    `  API, webhooks   ${info.publicBaseUrl}   (incoming calls: POST ${info.incomingUrl})`,
    ...info.workers.map(
      ({ id, url, daprHttpPort }) => `  ${id.padEnd(15)} ${url}   sidecar http://127.0.0.1:${daprHttpPort}`,
    ),
    `  ACS             ${info.acs.endpoint}${info.acs.simulator ? ' (simulator)' : ''}`,
    `  Redis           ${info.redis.host}:${info.redis.port}`,
    `  Cosmos          ${info.cosmos.endpoint}${info.cosmos.standin ? ' (a stand-in, for development only)' : ''}`,
    `  logs            ${from}/`,
    '',
    info.acs.simulator
      ? '  another call    npx rtvoice simulate call'
      : '  ACS_CONNECTION_STRING is set: no simulator runs and no demonstration call is placed',
    '  live calls      npx rtvoice calls list   (the API token is in secrets.json of the state folder)',
    '  status          npx rtvoice status --json',
    '  end             Ctrl-C',
    '',
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Places the demonstration call; its failure is told and the stack stays up. */
function demonstrate(stack: Stack): { done: Promise<void>; end: () => void } {
  const cli = fileURLToPath(new URL('../../../bin/rtvoice.mjs', import.meta.url));
  const child = spawn(process.execPath, [cli, 'simulate', 'call'], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, RTVOICE_STATE_DIR: stack.stateDir },
  });
  const done = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      say(`the demonstration call could not be placed: ${error.message}`);
      resolve();
    });
    child.once('exit', (code, signal) => {
      if (code !== 0) say(`the demonstration call ended with ${signal ?? `exit code ${code}`}`);
      resolve();
    });
  });
  return { done, end: () => child.kill('SIGTERM') };
}

/**
 * npm runs its scripts through a shell. Told to end, npm ends that shell, and some shells do not pass the
 * signal on: then the loss of the parent is all there is to see.
 */
function endWithNpm(end: () => void): void {
  if (!process.env.npm_lifecycle_event) return;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    end();
  }, PARENT_CHECK_MS);
  watch.unref();
}

async function main(): Promise<void> {
  const args = readArguments(process.argv.slice(2), process.env);
  if (args.help) {
    process.stdout.write(`${USAGE}\n`);
    return;
  }
  const starting = new AbortController();
  let stack: Stack | undefined;
  let endDemo: () => void = () => undefined;
  let firstWish = 0;
  const onSignal = (): void => {
    const now = performance.now();
    if (firstWish === 0) {
      firstWish = now;
      say('ending the stack (again to kill it)');
      starting.abort();
      endDemo();
      stack?.stop().then(
        () => {
          say('ended');
          process.exit(0);
        },
        (error: unknown) => fail(error),
      );
    } else if (now - firstWish > SAME_WISH_MS) {
      // The exit handler of the stack kills every child.
      process.exit(130);
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  endWithNpm(onSignal);

  say(`starting ${args.workers} ${args.workers === 1 ? 'worker' : 'workers'}, state in ${args.stateDir}`);
  stack = await startStack({
    workers: args.workers,
    stateDir: args.stateDir,
    say,
    signal: starting.signal,
  });
  say('ready');
  if (args.demo && stack.info.acs.simulator && firstWish === 0) {
    const demo = demonstrate(stack);
    endDemo = demo.end;
    await demo.done;
  }
  if (firstWish === 0) describe(stack);
}

function fail(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

main().catch(fail);
