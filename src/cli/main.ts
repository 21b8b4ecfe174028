/** The rtvoice command. Noun and verb, --json where a program may read it, stable exit codes (docs/cli.md). */
import { Command } from 'commander';
import { messageOf } from '../errors.js';
import { auditCommand } from './audit.js';
import { callsCommand } from './calls.js';
import { drainCommand } from './drain.js';
import { provisionCommand } from './provision.js';
import { reportCommand } from './report.js';
import { simulateCommand } from './simulate.js';
import { statusCommand } from './status.js';
import { transcriptsCommand } from './transcripts.js';
import { ttlCommand } from './ttl.js';

const program = new Command('rtvoice')
  .description('The state of live phone calls on Azure Communication Services, Dapr, Redis and Cosmos DB')
  .showHelpAfterError()
  .addCommand(statusCommand())
  .addCommand(callsCommand())
  .addCommand(drainCommand())
  .addCommand(simulateCommand())
  .addCommand(provisionCommand())
  .addCommand(transcriptsCommand())
  .addCommand(reportCommand())
  .addCommand(auditCommand())
  .addCommand(ttlCommand());

program.parseAsync().catch((thrown: unknown) => {
  process.stderr.write(`${messageOf(thrown)}\n`);
  process.exitCode = 1;
});
