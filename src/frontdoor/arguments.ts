import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

export interface FrontDoorArguments {
  readonly host: string;
  readonly port: number;
  readonly upstreams: readonly string[];
  /** A file with a JSON array of base URLs, read again whenever it changes. */
  readonly upstreamsFile: string | undefined;
}

/**
 * `--port P [--host H] --upstream URL … | --upstreams FILE`
 * @throws Error naming what is wrong with the arguments.
 */
export function readArguments(argv: readonly string[]): FrontDoorArguments {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '8080' },
      upstream: { type: 'string', multiple: true, default: [] },
      upstreams: { type: 'string' },
    },
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`--port ${values.port} is no port`);
  if (values.upstream.length === 0 && values.upstreams === undefined) {
    throw new Error('name the workers: --upstream URL (again for each), or --upstreams FILE');
  }
  for (const url of values.upstream) checkUrl(url);
  return { host: values.host, port, upstreams: values.upstream, upstreamsFile: values.upstreams };
}

/**
 * Reads the file of `--upstreams`.
 * @throws Error when it is no JSON array of http URLs.
 */
export function readUpstreamsFile(path: string): string[] {
  const list: unknown = JSON.parse(readFileSync(path, 'utf8'));
  if (!Array.isArray(list)) throw new Error('the upstreams file must hold a JSON array of URLs');
  return list.map((url: unknown) => checkUrl(String(url)));
}

function checkUrl(url: string): string {
  if (!URL.canParse(url) || new URL(url).protocol !== 'http:') throw new Error(`${url} is no http URL`);
  return url;
}
