import {
  type IndexingPolicy,
  type PartitionKeyDefinition,
  PartitionKeyDefinitionVersion,
  PartitionKeyKind,
} from '@azure/cosmos';

export type ContainerName = 'transcripts' | 'aside' | 'profiles' | 'analytics' | 'audit' | 'metrics';

export interface ContainerPlan {
  readonly id: ContainerName;
  readonly partitionKey: string;
  readonly indexingPolicy: IndexingPolicy;
  /** Highest RU/s of autoscale; the service scales between a tenth of it and it. */
  readonly maxThroughput: number;
}

/** On without a default: an item expires only where it carries a `ttl` of its own. */
export const DEFAULT_TTL = -1;

/**
 * Only what a query filters or sorts by is indexed: each further path costs request units on every write.
 * Consistent mode is needed for `ttl` to work.
 */
export const CONTAINERS: Readonly<Record<ContainerName, ContainerPlan>> = {
  // Documents have the form of Dapr's component: { id, partitionKey, value, isBinary }.
  // Read by id; as a range of `seq` within one session; a session's last `seq`.
  transcripts: {
    id: 'transcripts',
    partitionKey: '/partitionKey',
    indexingPolicy: indexing(['/partitionKey/?', '/value/seq/?']),
    maxThroughput: 4000,
  },
  // What `transcripts` refused. By session; by id within it.
  aside: {
    id: 'aside',
    partitionKey: '/sessionId',
    indexingPolicy: indexing(['/sessionId/?']),
    maxThroughput: 1000,
  },
  // Read and written by id (= subject) only.
  profiles: {
    id: 'profiles',
    partitionKey: '/subjectId',
    indexingPolicy: indexing(['/subjectId/?']),
    maxThroughput: 1000,
  },
  // By day; by day and agent, outcome, state of the transcript; a subject's sessions; newest first.
  analytics: {
    id: 'analytics',
    partitionKey: '/day',
    indexingPolicy: indexing([
      '/day/?',
      '/kind/?',
      '/agent/?',
      '/outcome/?',
      '/transcript/?',
      '/startedAt/?',
      '/subjectHash/?',
    ]),
    maxThroughput: 1000,
  },
  // By id within a day; a range of `n` within a day; what concerns a subject.
  audit: {
    id: 'audit',
    partitionKey: '/day',
    indexingPolicy: indexing(['/day/?', '/n/?', '/subjectHash/?']),
    maxThroughput: 1000,
  },
  // By day, in order of time.
  metrics: {
    id: 'metrics',
    partitionKey: '/day',
    indexingPolicy: indexing(['/day/?', '/at/?']),
    maxThroughput: 1000,
  },
};

/** Definition that the service is given for a plan. Version 2 hashes the whole key, not its first 100 bytes. */
export function partitionKeyOf(plan: ContainerPlan): PartitionKeyDefinition {
  return {
    paths: [plan.partitionKey],
    kind: PartitionKeyKind.Hash,
    version: PartitionKeyDefinitionVersion.V2,
  };
}

function indexing(paths: readonly string[]): IndexingPolicy {
  return {
    indexingMode: 'consistent',
    automatic: true,
    includedPaths: paths.map((path) => ({ path })),
    excludedPaths: [{ path: '/*' }],
  };
}
