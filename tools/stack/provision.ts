import { CONTAINERS as PLANS } from '../../src/stores/cosmos/containers.js';
import { provision as provisionAll } from '../../src/stores/cosmos/provision.js';
import { StackError } from './error.js';

/** Containers of the permanent tier and their partition keys, as src/stores/cosmos/containers.ts plans them. */
export const CONTAINERS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.values(PLANS).map(({ id, partitionKey }) => [id, partitionKey]),
);

/**
 * Creates database and containers where they are missing, and brings their settings to the plan, as `rtvoice provision`.
 * @throws StackError RTV_STACK_PROVISION
 */
export async function provision(options: {
  readonly endpoint: string;
  readonly key: string;
  readonly database: string;
}): Promise<void> {
  try {
    const changes = await provisionAll(options);
    const blocked = changes.find((change) => change.kind === 'blocked');
    if (blocked) throw new Error(`${blocked.container}: ${blocked.reason}`);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StackError('RTV_STACK_PROVISION', `Cosmos at ${options.endpoint}: ${why}`, { cause: error });
  }
}
