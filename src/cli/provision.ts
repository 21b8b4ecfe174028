import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { RtvoiceError } from '../errors.js';
import { readStack, stateDirOf } from '../ops/stack-file.js';
import type { CosmosSettings } from '../stores/cosmos/client.js';
import { type Change, provision } from '../stores/cosmos/provision.js';

/**
 * Where Cosmos DB is: COSMOS_ENDPOINT, COSMOS_KEY (absent: Entra ID), COSMOS_DATABASE; without an endpoint the
 * local stack's, with the key that it made up.
 * @throws RtvoiceError RTV_CONFIG_INVALID when there is neither
 */
export function cosmosSettings(env: NodeJS.ProcessEnv = process.env): CosmosSettings {
  const database = env.COSMOS_DATABASE || 'rtvoice';
  if (env.COSMOS_ENDPOINT) {
    return { endpoint: env.COSMOS_ENDPOINT, database, ...(env.COSMOS_KEY ? { key: env.COSMOS_KEY } : {}) };
  }
  const stateDir = stateDirOf(env);
  const endpoint = readStack(stateDir)?.cosmos.endpoint;
  if (!endpoint) {
    throw new RtvoiceError('RTV_CONFIG_INVALID', 'COSMOS_ENDPOINT is not set and there is no local stack');
  }
  const key = env.COSMOS_KEY || stackSecret(stateDir, 'cosmosKey');
  return { endpoint, database, ...(key ? { key } : {}) };
}

/** A key that the local stack made up for its state folder; undefined where there is none. */
export function stackSecret(stateDir: string, name: 'cosmosKey' | 'dataKey'): string | undefined {
  try {
    const secrets = JSON.parse(readFileSync(join(stateDir, 'secrets.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    const value = secrets[name];
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** `rtvoice provision [--dry-run] [--json]` */
export function provisionCommand(): Command {
  return new Command('provision')
    .description('create or update the Cosmos DB database and containers; safe to run again')
    .option('--dry-run', 'only print what would change')
    .option('--json', 'print the changes as one JSON array')
    .action(async (options: { dryRun?: boolean; json?: boolean }) => {
      const settings = cosmosSettings();
      let changes: Change[];
      try {
        changes = await provision(settings, { dryRun: options.dryRun ?? false });
      } catch (cause) {
        throw new RtvoiceError('RTV_COSMOS_UNAVAILABLE', `while provisioning ${settings.database}`, {
          cause,
        });
      }
      const lines = options.json ? [JSON.stringify(changes)] : textOf(changes, options.dryRun ?? false);
      process.stdout.write(`${lines.join('\n')}\n`);
      if (changes.some((change) => change.kind === 'blocked')) process.exitCode = 1;
    });
}

function textOf(changes: readonly Change[], dryRun: boolean): string[] {
  if (changes.length === 0) return ['nothing to change'];
  const verb = dryRun ? 'would ' : '';
  return changes.map((change) => {
    if (change.kind === 'create_database') return `${verb}create database ${change.database}`;
    if (change.kind === 'create_container') {
      const { container, partitionKey, maxThroughput, indexed } = change;
      const plan = `partition key ${partitionKey}, up to ${maxThroughput} RU/s, indexed: ${indexed.join(' ')}`;
      return `${verb}create container ${container} (${plan})`;
    }
    if (change.kind === 'update_container')
      return `${verb}update ${change.container}: ${change.fields.join(', ')}`;
    if (change.kind === 'update_throughput') {
      return `${verb}set autoscale of ${change.container} from ${change.from} to ${change.to} RU/s`;
    }
    return `cannot change ${change.container}: ${change.reason}`;
  });
}
