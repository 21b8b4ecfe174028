import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { StackError } from './error.js';

const port = z.number().int().min(1).max(65_535);

/** What the runner uses of Dapr's run file; it has more fields. */
const shape = z.object({
  version: z.literal(1),
  common: z.object({
    resourcesPaths: z.array(z.string()).min(1),
    configFilePath: z.string(),
    apiListenAddresses: z.string(),
    logLevel: z.string(),
  }),
  apps: z
    .array(
      z.object({
        appID: z.string(),
        appPort: port,
        daprHTTPPort: port,
        daprGRPCPort: port,
        daprInternalGRPCPort: port,
        metricsPort: port,
        placementHostAddress: z.string(),
        schedulerHostAddress: z.string(),
        maxBodySize: z.string(),
        appHealthCheckPath: z.string(),
        appHealthProbeInterval: z.number().int().positive(),
        appHealthProbeTimeout: z.number().int().positive(),
        appHealthThreshold: z.number().int().positive(),
        command: z.array(z.string()).min(1),
        env: z.record(z.string(), z.string()),
      }),
    )
    .length(1),
});

/** The one app of dapr.yaml, with absolute paths. */
export type AppDescription = z.output<typeof shape>['apps'][number] & {
  readonly resourcesPaths: readonly string[];
  readonly configFilePath: string;
  readonly apiListenAddresses: string;
  readonly logLevel: string;
};

/**
 * Reads dapr.yaml.
 * @throws StackError RTV_STACK_DESCRIPTION, naming the fields that are wrong.
 */
export function readDescription(root: string): AppDescription {
  const path = join(root, 'dapr.yaml');
  try {
    const { common, apps } = shape.parse(parse(readFileSync(path, 'utf8')));
    const [app] = apps;
    if (!app) throw new Error('it describes no app');
    return {
      ...app,
      ...common,
      resourcesPaths: common.resourcesPaths.map((folder) => resolve(root, folder)),
      configFilePath: resolve(root, common.configFilePath),
    };
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : String(error);
    throw new StackError('RTV_STACK_DESCRIPTION', `${path}: ${why}`, { cause: error });
  }
}
