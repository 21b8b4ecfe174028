/** rtvoice status: what of the local stack runs, for people and, with --json, for programs. */
import { Command } from 'commander';
import { readStack, stateDirOf } from '../ops/stack-file.js';

/** Exit codes: 0 ready, 1 there but not ready, 3 no stack. */
export function statusCommand(): Command {
  return new Command('status')
    .description('what of the local stack runs, and where')
    .option('--json', 'one JSON object')
    .action((options: { json?: boolean }) => {
      const stack = readStack(stateDirOf(process.env));
      if (!stack) {
        process.stderr.write('no stack found here: npm start (or set RTVOICE_STATE_DIR)\n');
        process.exitCode = 3;
        return;
      }
      process.exitCode = stack.ready ? 0 : 1;
      const { ready, incomingUrl, publicBaseUrl, workers, acs, redis, cosmos } = stack;
      if (options.json) {
        process.stdout.write(
          `${JSON.stringify({ ready, incomingUrl, publicBaseUrl, workers, acs, redis, cosmos }, null, 2)}\n`,
        );
        return;
      }
      const lines = [
        `ready     ${ready ? 'yes' : 'no'}`,
        `incoming  ${incomingUrl}`,
        ...workers.map(
          (worker) =>
            `${worker.id}  ${worker.url}  app ${worker.pids.app ?? 'restarting'}  daprd ${worker.pids.daprd ?? 'restarting'}`,
        ),
        `ACS       ${acs.endpoint}${acs.simulator ? ' (simulator)' : ''}`,
        `Redis     ${redis.host}:${redis.port}`,
        `Cosmos    ${cosmos.endpoint}${cosmos.standin ? ' (stand-in)' : ''}`,
      ];
      process.stdout.write(`${lines.join('\n')}\n`);
    });
}
