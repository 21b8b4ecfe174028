/** docs/dependencies.md and package.json name the same packages, and what is installed may be passed on. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface Manifest {
  readonly license?: string | { type?: string };
  readonly licenses?: readonly { type?: string }[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}
interface Lock {
  readonly packages: Readonly<Record<string, { dev?: boolean; link?: boolean }>>;
}

const read = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8'));
const manifest = read<Manifest>('package.json');
const page = readFileSync('docs/dependencies.md', 'utf8');

/** Licences under which a copy may be used, changed and passed on in closed products too. */
const PERMISSIVE = new Set(
  'MIT ISC 0BSD BSD-2-Clause BSD-3-Clause BSD-4-Clause Apache-2.0 Unlicense BlueOak-1.0.0 CC0-1.0 Zlib EDL-1.0 Python-2.0'.split(
    ' ',
  ),
);
/** MPL-2.0 binds changes to the package's own files; these are tools of the developer and are not passed on. */
const DEV_ONLY = /^lightningcss(-|$)/;
/** Their manifests name no licence; their READMEs do. */
const NAMED_ELSEWHERE: Readonly<Record<string, string>> = { semaphore: 'MIT' };

describe('docs/dependencies.md', () => {
  it.each([
    ['At run time', Object.keys(manifest.dependencies ?? {})],
    ['For development', Object.keys(manifest.devDependencies ?? {})],
  ])('"%s" names what package.json names, with its licence', (heading, names) => {
    const documented = table(heading);
    expect([...documented.keys()].sort()).toEqual([...names].sort());
    for (const [name, licence] of documented) {
      expect(`${name} ${licence}`).toBe(`${name} ${licenceOf(`node_modules/${name}`, name)}`);
    }
  });

  it('says of each what it is for', () => {
    const rows = page.split('\n').filter((line) => line.startsWith('| `'));
    expect(rows.filter((row) => (row.split('|')[3]?.trim() ?? '').length < 10)).toEqual([]);
  });
});

describe('versions', () => {
  it('are exact, so that a clone of next year installs what was tested', () => {
    const all = { ...manifest.dependencies, ...manifest.devDependencies };
    expect(Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });
});

describe('licences of the installed tree', () => {
  const installed = Object.entries(read<Lock>('package-lock.json').packages)
    .filter(([path, { link }]) => path !== '' && !link)
    .map(([path, { dev }]) => {
      const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
      return { name, dev: dev === true, licence: licenceOf(path, name) };
    })
    // Builds for other systems are in the lockfile, not on the disk.
    .filter((entry): entry is typeof entry & { licence: string } => entry.licence !== undefined);

  it('were found', () => {
    expect(installed.length).toBeGreaterThan(200);
  });

  it('are permissive', () => {
    const others = installed.filter(
      ({ name, dev, licence }) =>
        !permissive(licence) && !(dev && licence === 'MPL-2.0' && DEV_ONLY.test(name)),
    );
    expect(others).toEqual([]);
  });

  it.each([
    ['MIT', true],
    ['(MIT OR GPL-3.0)', true],
    ['(MIT AND Zlib)', true],
    ['(MIT AND GPL-3.0)', false],
    ['GPL-3.0-only', false],
    ['', false],
  ])('%s: %s', (licence, expected) => {
    expect(permissive(licence)).toBe(expected);
  });
});

/** Package → licence of the table under a heading. */
function table(heading: string): Map<string, string> {
  const [, section = ''] = page.split(`## ${heading}\n`);
  const rows = [...(section.split('\n## ')[0] ?? '').matchAll(/^\| `([^`]+)` \| ([^|]+?) \|/gm)];
  return new Map(rows.map(([, name = '', licence = '']) => [name, licence]));
}

/** The licence that a package names; undefined when the package is not installed, '' when it names none. */
function licenceOf(path: string, name: string): string | undefined {
  let found: Manifest;
  try {
    found = read<Manifest>(`${path}/package.json`);
  } catch {
    return undefined;
  }
  const named = typeof found.license === 'string' ? found.license : found.license?.type;
  const text = named ?? found.licenses?.map(({ type }) => type).join(' OR ') ?? NAMED_ELSEWHERE[name] ?? '';
  return text.replace(/^apache-2\.0$/, 'Apache-2.0');
}

/** One of the alternatives is permissive in all its parts. */
function permissive(licence: string): boolean {
  return licence
    .replace(/[()]/g, '')
    .split(' OR ')
    .some((choice) => choice.split(' AND ').every((part) => PERMISSIVE.has(part.trim())));
}
