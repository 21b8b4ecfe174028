import { StackError } from './error.js';

/** Containers of the permanent tier and their partition keys. A ttl of -1: items may have one, none is given. */
export const CONTAINERS: Readonly<Record<string, string>> = {
  transcripts: '/partitionKey',
  profiles: '/subjectId',
  analytics: '/day',
  audit: '/day',
  metrics: '/day',
};

/**
 * Creates database and containers where they are missing; what exists stays as it is.
 * @throws StackError RTV_STACK_PROVISION
 */
export async function provision(options: {
  readonly endpoint: string;
  readonly key: string;
  readonly database: string;
}): Promise<void> {
  const { CosmosClient } = await import('@azure/cosmos');
  const client = new CosmosClient({
    endpoint: options.endpoint,
    key: options.key,
    connectionPolicy: { enableEndpointDiscovery: false },
  });
  try {
    const { database } = await client.databases.createIfNotExists({ id: options.database });
    await Promise.all(
      Object.entries(CONTAINERS).map(([id, path]) =>
        database.containers.createIfNotExists({ id, partitionKey: { paths: [path] }, defaultTtl: -1 }),
      ),
    );
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StackError('RTV_STACK_PROVISION', `Cosmos at ${options.endpoint}: ${why}`, { cause: error });
  } finally {
    client.dispose();
  }
}
