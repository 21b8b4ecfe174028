/** The rtvoice command. Noun and verb, --json where a program may read it, stable exit codes (docs/cli.md). */
import { Command } from 'commander';
import { messageOf } from '../errors.js';
import { provisionCommand } from './provision.js';
import { simulateCommand } from './simulate.js';
import { statusCommand } from './status.js';

const program = new Command('rtvoice')
  .description('The state of live phone calls on Azure Communication Services, Dapr, Redis and Cosmos DB')
  .showHelpAfterError()
  .addCommand(statusCommand())
  .addCommand(simulateCommand())
  .addCommand(provisionCommand());

program.parseAsync().catch((thrown: unknown) => {
  process.stderr.write(`${messageOf(thrown)}\n`);
  process.exitCode = 1;
});
