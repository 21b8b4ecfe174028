/** docs/settings.md names each setting of worker and runner once, with the default that the schema gives it. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Config, readConfig, settingNames } from '../../src/config.js';
import { runnerSettingNames } from '../../tools/stack/settings.js';

const [worker = [], runner = []] = readFileSync('docs/settings.md', 'utf8')
  .split(/^## /m)
  .slice(1)
  .map((part) =>
    [...part.matchAll(/^\| `([A-Z][A-Z0-9_]+)` \| (.*?) \|/gm)].map(([, name = '', value = '']) => ({
      name,
      value: value.replaceAll('`', ''),
    })),
  );

/** What a worker cannot do without. */
const REQUIRED: Record<string, string> = {
  ENVIRONMENT: 'dev',
  REDIS_HOST: '127.0.0.1',
  COSMOS_ENDPOINT: 'http://127.0.0.1:8081',
  COSMOS_KEY: 'key',
  ACS_CONNECTION_STRING: 'endpoint=http://127.0.0.1:8089/;accesskey=a2V5',
  PUBLIC_BASE_URL: 'http://127.0.0.1:8080',
  RTVOICE_DATA_KEY: Buffer.alloc(32, 7).toString('base64'),
};
const config = readConfig(REQUIRED);

describe('docs/settings.md', () => {
  it('names each setting of a worker once', () => {
    expect(worker.map(({ name }) => name).sort()).toEqual([...settingNames].sort());
  });

  it('names each setting of the runner once', () => {
    expect(runner.map(({ name }) => name).sort()).toEqual([...runnerSettingNames].sort());
  });

  it.each(worker)('gives $name its default', ({ name, value }) => {
    if (value === 'required') expect(() => readConfig({ ...REQUIRED, [name]: undefined })).toThrow(name);
    else expect(shown(config[name as keyof Config])).toBe(value);
  });
});

function shown(value: Config[keyof Config]): string {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return '–';
  return String(value).replace(String(process.pid), '{pid}');
}
