import type { ContainerDefinition, IndexingPolicy } from '@azure/cosmos';
import { type Cosmos, type CosmosSettings, cosmosFrom, faultOf, withDeadline } from './client.js';
import { CONTAINERS, type ContainerPlan, DEFAULT_TTL, partitionKeyOf } from './containers.js';

export type Change =
  | { readonly kind: 'create_database'; readonly database: string }
  | {
      readonly kind: 'create_container';
      readonly container: string;
      readonly partitionKey: string;
      /** Highest RU/s of autoscale. */
      readonly maxThroughput: number;
      /** The only paths that are indexed. */
      readonly indexed: readonly string[];
    }
  | { readonly kind: 'update_container'; readonly container: string; readonly fields: readonly string[] }
  | {
      readonly kind: 'update_throughput';
      readonly container: string;
      readonly from: number;
      readonly to: number;
    }
  /** Cannot be changed in place: a person has to move the data. */
  | { readonly kind: 'blocked'; readonly container: string; readonly reason: string };

export interface ProvisionOptions {
  /** Only say what would change. */
  readonly dryRun?: boolean;
  /** Deadline of one request in ms. Default 20000: creating a container takes seconds. */
  readonly deadlineMs?: number;
}

/**
 * Brings database and containers to the plan of containers.ts; run again it finds nothing to do. A container is
 * replaced only where its definition differs, and never to change its partition key.
 * @returns the changes made, or with `dryRun` those that would be made
 * @throws an SDK error when the service cannot be reached or refuses
 */
export async function provision(settings: CosmosSettings, options: ProvisionOptions = {}): Promise<Change[]> {
  const cosmos = await cosmosFrom({ ...settings, deadlineMs: options.deadlineMs ?? 20_000 });
  try {
    return await provisionWith(cosmos, options.dryRun ?? false);
  } finally {
    cosmos.close();
  }
}

async function provisionWith(cosmos: Cosmos, dryRun: boolean): Promise<Change[]> {
  const changes: Change[] = [];
  const { deadlineMs, database } = cosmos;
  const found = await orAbsent(withDeadline(deadlineMs, (abortSignal) => database.read({ abortSignal })));
  if (found === undefined) {
    changes.push({ kind: 'create_database', database: database.id });
    if (!dryRun) {
      await withDeadline(deadlineMs, (abortSignal) =>
        cosmos.client.databases.createIfNotExists({ id: database.id }, { abortSignal }),
      );
    }
  }
  for (const plan of Object.values(CONTAINERS)) {
    const definition = found === undefined ? undefined : await definitionOf(cosmos, plan);
    if (definition === undefined) changes.push(await createContainer(cosmos, plan, dryRun));
    else changes.push(...(await alignContainer(cosmos, plan, definition, dryRun)));
  }
  return changes;
}

async function definitionOf(cosmos: Cosmos, plan: ContainerPlan): Promise<ContainerDefinition | undefined> {
  const answer = await orAbsent(
    withDeadline(cosmos.deadlineMs, (abortSignal) => cosmos.container(plan.id).read({ abortSignal })),
  );
  return answer?.resource;
}

async function createContainer(cosmos: Cosmos, plan: ContainerPlan, dryRun: boolean): Promise<Change> {
  const request = {
    id: plan.id,
    partitionKey: partitionKeyOf(plan),
    defaultTtl: DEFAULT_TTL,
    indexingPolicy: plan.indexingPolicy,
    maxThroughput: plan.maxThroughput,
  };
  if (!dryRun) {
    await withDeadline(cosmos.deadlineMs, async (abortSignal) => {
      try {
        await cosmos.database.containers.create(request, { abortSignal });
      } catch (error) {
        // Another provisioner was faster; what it made is compared at the next run.
        if (faultOf(error).status === 409) return;
        if (!isServerless(error)) throw error;
        const { maxThroughput: _, ...serverless } = request;
        await cosmos.database.containers.create(serverless, { abortSignal });
      }
    });
  }
  return {
    kind: 'create_container',
    container: plan.id,
    partitionKey: plan.partitionKey,
    maxThroughput: plan.maxThroughput,
    indexed: (plan.indexingPolicy.includedPaths ?? []).flatMap(({ path }) => path ?? []),
  };
}

async function alignContainer(
  cosmos: Cosmos,
  plan: ContainerPlan,
  definition: ContainerDefinition,
  dryRun: boolean,
): Promise<Change[]> {
  const paths = definition.partitionKey?.paths ?? [];
  if (paths.length !== 1 || paths[0] !== plan.partitionKey) {
    const reason = `partition key is ${paths.join(', ') || 'none'}, not ${plan.partitionKey}`;
    return [{ kind: 'blocked', container: plan.id, reason }];
  }
  const changes: Change[] = [];
  const fields = differences(plan, definition);
  if (fields.length > 0) {
    changes.push({ kind: 'update_container', container: plan.id, fields });
    if (!dryRun) {
      await withDeadline(cosmos.deadlineMs, (abortSignal) =>
        cosmos
          .container(plan.id)
          .replace(
            { ...definition, defaultTtl: DEFAULT_TTL, indexingPolicy: plan.indexingPolicy },
            { abortSignal },
          ),
      );
    }
  }
  const throughput = await alignThroughput(cosmos, plan, dryRun);
  return throughput === undefined ? changes : [...changes, throughput];
}

/** Fields of a container that are not as planned. */
function differences(plan: ContainerPlan, definition: ContainerDefinition): string[] {
  const fields: string[] = [];
  if (definition.defaultTtl !== DEFAULT_TTL) fields.push('defaultTtl');
  if (!samePolicy(plan.indexingPolicy, definition.indexingPolicy)) fields.push('indexingPolicy');
  return fields;
}

/** Paths as sets: the service adds `/"_etag"/?` to the excluded ones and fills in kinds and orders. */
function samePolicy(planned: IndexingPolicy, actual: IndexingPolicy | undefined): boolean {
  const pathsOf = (list: IndexingPolicy['includedPaths']): string =>
    (list ?? [])
      .map((entry) => entry.path)
      .filter((path) => path !== '/"_etag"/?')
      .sort()
      .join(' ');
  return (
    pathsOf(planned.includedPaths) === pathsOf(actual?.includedPaths) &&
    pathsOf(planned.excludedPaths) === pathsOf(actual?.excludedPaths) &&
    (actual?.indexingMode ?? 'consistent').toLowerCase() === 'consistent'
  );
}

/** Raises or lowers autoscale's ceiling. Nothing to do where there is none: serverless, shared, a stand-in. */
async function alignThroughput(
  cosmos: Cosmos,
  plan: ContainerPlan,
  dryRun: boolean,
): Promise<Change | undefined> {
  const container = cosmos.container(plan.id);
  let resource: { content?: { offerAutopilotSettings?: { maxThroughput?: number } } } | undefined;
  try {
    const answer = await withDeadline(cosmos.deadlineMs, (abortSignal) =>
      container.readOffer({ abortSignal }),
    );
    resource = answer.resource;
    const from = resource?.content?.offerAutopilotSettings?.maxThroughput;
    if (
      resource === undefined ||
      answer.offer === undefined ||
      from === undefined ||
      from >= plan.maxThroughput
    ) {
      // A ceiling raised by an operator stays.
      return undefined;
    }
    const definition = {
      ...answer.resource,
      content: { offerAutopilotSettings: { maxThroughput: plan.maxThroughput } },
    };
    const { offer } = answer;
    if (!dryRun) {
      await withDeadline(cosmos.deadlineMs, (abortSignal) =>
        offer.replace(definition as Parameters<typeof offer.replace>[0], { abortSignal }),
      );
    }
    return { kind: 'update_throughput', container: plan.id, from, to: plan.maxThroughput };
  } catch (error) {
    // Stand-ins have no offers.
    const { status } = faultOf(error);
    if (status === 400 || status === 404 || status === 405 || status === 501) return undefined;
    throw error;
  }
}

function isServerless(error: unknown): boolean {
  return faultOf(error).status === 400 && error instanceof Error && /serverless/i.test(error.message);
}

async function orAbsent<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (faultOf(error).status === 404) return undefined;
    throw error;
  }
}
