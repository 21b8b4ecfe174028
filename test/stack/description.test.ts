/**
 * One description: dapr.yaml, docker-compose.yml, .env.example and the settings schema name the same things and
 * the same ports. `dapr run -f .` itself was not run: the Dapr CLI cannot be built here. Its run file's fields
 * are the yaml names in dapr/cli pkg/runfileconfig and pkg/standalone (RunConfig, SharedRunConfig).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { settingNames } from '../../src/config.js';
import { readDescription } from '../../tools/stack/description.js';
import { CONTAINERS } from '../../tools/stack/provision.js';
import { runnerSettingNames } from '../../tools/stack/settings.js';

const ROOT = join(import.meta.dirname, '..', '..');
const text = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

type Json = Record<string, unknown>;
const runFile = parse(text('dapr.yaml')) as { common: Json; apps: Json[] } & Json;
const app = readDescription(ROOT);
const compose = parse(text('docker-compose.yml'), { merge: true }) as {
  services: Record<string, { image: string; command?: string[]; environment?: Record<string, string> }>;
};

const SHARED_FIELDS = [
  ...[
    'configFilePath',
    'appProtocol',
    'apiListenAddresses',
    'enableProfiling',
    'logLevel',
    'appMaxConcurrency',
  ],
  ...[
    'placementHostAddress',
    'schedulerHostAddress',
    'resourcesPath',
    'resourcesPaths',
    'appSSL',
    'maxBodySize',
  ],
  ...['readBufferSize', 'enableAppHealthCheck', 'appHealthCheckPath', 'appHealthProbeInterval'],
  ...['appHealthProbeTimeout', 'appHealthThreshold', 'enableApiLogging', 'runtimePath', 'env'],
  ...['daprdLogDestination', 'appLogDestination'],
];
const APP_FIELDS = [
  ...SHARED_FIELDS,
  ...['appID', 'appChannelAddress', 'appPort', 'daprHTTPPort', 'daprGRPCPort', 'profilePort', 'command'],
  ...['metricsPort', 'unixDomainSocket', 'daprInternalGRPCPort', 'appDirPath'],
  ...['containerImage', 'containerImagePullPolicy', 'createService'],
];

describe('dapr.yaml', () => {
  it('has only fields that the run file knows', () => {
    expect(
      Object.keys(runFile).filter((key) => !['version', 'name', 'common', 'apps'].includes(key)),
    ).toEqual([]);
    expect(Object.keys(runFile.common).filter((key) => !SHARED_FIELDS.includes(key))).toEqual([]);
    expect(runFile.apps).toHaveLength(1);
    for (const one of runFile.apps)
      expect(Object.keys(one).filter((key) => !APP_FIELDS.includes(key))).toEqual([]);
  });

  it('gives text for every environment value, for settings that exist, and no secret', () => {
    for (const [name, value] of Object.entries(app.env)) {
      expect(settingNames, name).toContain(name);
      expect(typeof value).toBe('string');
      expect(name).not.toMatch(/PASSWORD|TOKEN|KEY|SECRET|CONNECTION_STRING/);
    }
  });

  it('names folders and files that exist', () => {
    for (const folder of app.resourcesPaths) expect(readdirSync(folder).length).toBeGreaterThan(0);
    expect(parse(readFileSync(app.configFilePath, 'utf8'))).toMatchObject({ kind: 'Configuration' });
  });
});

describe('.env.example', () => {
  const listed = [...text('.env.example').matchAll(/^(?:# )?([A-Z][A-Z0-9_]+)=/gm)].map(([, name]) => name);

  it('lists every setting of the worker and of the runner once, and no other', () => {
    expect([...listed].sort()).toEqual([...settingNames, ...runnerSettingNames].sort());
  });

  it('has the values of dapr.yaml', () => {
    const values = new Map(
      [...text('.env.example').matchAll(/^([A-Z][A-Z0-9_]+)=(.*)$/gm)].map(([, name, value]) => [
        name,
        value,
      ]),
    );
    for (const [name, value] of Object.entries(app.env))
      expect([name, values.get(name)]).toEqual([name, value]);
    expect(values.get('APP_PORT')).toBe(String(app.appPort));
    expect(values.get('DAPR_HTTP_PORT')).toBe(String(app.daprHTTPPort));
  });
});

describe('docker-compose.yml', () => {
  const service = (name: string) => {
    const found = compose.services[name];
    if (!found) throw new Error(`no service ${name}`);
    return found;
  };

  it('sets settings that exist, all that dapr.yaml sets, with the same ports', () => {
    const { environment = {} } = service('worker');
    for (const name of Object.keys(environment)) expect(settingNames, name).toContain(name);
    for (const name of Object.keys(app.env)) expect(Object.keys(environment), name).toContain(name);
    for (const name of ['PORT', 'REDIS_PORT', 'REDIS_SSL', 'COSMOS_DATABASE']) {
      expect([name, environment[name]]).toEqual([name, app.env[name]]);
    }
    expect(environment.APP_PORT).toBe(String(app.appPort));
    expect(environment.DAPR_HTTP_PORT).toBe(String(app.daprHTTPPort));
    expect(new URL(environment.COSMOS_ENDPOINT ?? '').port).toBe(new URL(app.env.COSMOS_ENDPOINT ?? '').port);
  });

  it('starts the sidecar as dapr.yaml describes it', () => {
    const flags = new Map(
      (service('worker-daprd').command ?? [])
        .filter((word) => word.startsWith('--'))
        .map((word) => word.slice(2).split('=', 2) as [string, string | undefined]),
    );
    const portOf = (address: string): string => address.slice(address.lastIndexOf(':') + 1);
    expect(Object.fromEntries(flags)).toMatchObject({
      'app-id': app.appID,
      'app-port': String(app.appPort),
      'dapr-http-port': String(app.daprHTTPPort),
      'dapr-grpc-port': String(app.daprGRPCPort),
      'dapr-internal-grpc-port': String(app.daprInternalGRPCPort),
      'dapr-listen-addresses': app.apiListenAddresses,
      'metrics-port': String(app.metricsPort),
      'placement-host-address': `placement:${portOf(app.placementHostAddress)}`,
      'scheduler-host-address': `scheduler:${portOf(app.schedulerHostAddress)}`,
      'max-body-size': app.maxBodySize,
      'app-health-check-path': app.appHealthCheckPath,
      'app-health-probe-interval': String(app.appHealthProbeInterval),
      'app-health-probe-timeout': String(app.appHealthProbeTimeout),
      'app-health-threshold': String(app.appHealthThreshold),
    });
    expect(service('placement').command).toContain(portOf(app.placementHostAddress));
    expect(service('scheduler').command).toContain(portOf(app.schedulerHostAddress));
    expect(service('frontdoor').command).toContain(`http://worker:${app.env.PORT}`);
  });

  it('uses one version of the official Dapr images, and the emulator of Cosmos DB', () => {
    const dapr = Object.values(compose.services).filter(({ image }) => image.startsWith('daprio/'));
    expect(dapr).toHaveLength(3);
    expect(new Set(dapr.map(({ image }) => image.split(':')[1]))).toEqual(new Set(['1.18.3']));
    expect(service('cosmos').image).toContain('azure-cosmos-emulator');
  });
});

describe('components', () => {
  interface Component {
    kind: string;
    metadata: { name: string };
    scopes?: string[];
    spec: {
      type?: string;
      metadata?: { name: string; value?: string; secretKeyRef?: { name: string; key: string } }[];
    };
  }
  const load = (folder: string): Component[] =>
    readdirSync(join(ROOT, 'components', folder)).map(
      (file) => parse(text(join('components', folder, file))) as Component,
    );

  it.each(['local', 'azure'])('%s: both state stores under the same names, keys as given', (folder) => {
    const states = load(folder).filter(({ spec }) => spec.type?.startsWith('state.'));
    expect(states.map(({ metadata, spec }) => [metadata.name, spec.type]).sort()).toEqual([
      ['context', 'state.redis'],
      ['transcripts', 'state.azure.cosmosdb'],
    ]);
    for (const { spec, scopes } of states) {
      const value = (name: string) => spec.metadata?.find((one) => one.name === name)?.value;
      expect(value('keyPrefix')).toBe('none');
      expect(scopes).toEqual([app.appID]);
      if (spec.type === 'state.redis')
        expect([value('actorStateStore'), value('redisMaxRetries')]).toEqual(['true', '-1']);
      else expect(Object.keys(CONTAINERS)).toContain(value('collection'));
    }
  });

  it('local: values come from settings that exist; the env store gives none that begins with DAPR_', () => {
    const references = load('local').flatMap(({ spec }) =>
      (spec.metadata ?? []).flatMap(({ secretKeyRef }) => secretKeyRef ?? []),
    );
    expect(references.length).toBeGreaterThan(5);
    for (const { name, key } of references) {
      expect(settingNames).toContain(name);
      expect(key).toBe(name);
      expect(name).not.toMatch(/^DAPR_|^APP_API_TOKEN$/);
    }
  });

  it('azure: no password and no key', () => {
    expect(load('azure').flatMap(({ spec }) => (spec.metadata ?? []).map(({ name }) => name))).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/password|masterKey/i)]),
    );
  });
});
