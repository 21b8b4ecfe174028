/**
 * docs/errors.md holds each code with its cause and cure, and every code of the sources is one of them.
 * After a change of a table: `npx vitest run --project unit errors-doc -u` writes the page.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ErrorEntry } from '../../src/errors.js';
import { ERROR_AREAS } from '../support/error-areas.js';

/** A whole code; not the beginning of one that is spelt with a star or dots, as in RTV_STACK_*. */
const CODE = /(?<![A-Z0-9_])RTV_[A-Z0-9]+(?:_[A-Z0-9]+)*(?![A-Z0-9_*…])/g;
/** An entry of a table, as against a use of its code. */
const ENTRY = /^\s*RTV_[A-Z0-9_]+: \{/;
/** Constants that stand for codes: where they are used, the code is. */
const NAMED = 'src/acs/codes.ts';

const catalogue = ERROR_AREAS.flatMap(({ entries }) => Object.entries(entries));
const known = new Set(catalogue.map(([code]) => code));

describe('the catalogue of errors', () => {
  it('is what docs/errors.md says', async () => {
    await expect(page()).toMatchFileSnapshot('../../docs/errors.md');
  });

  it.each(catalogue)('%s is well-formed', (code, { status, cause, cure }) => {
    expect(code).toMatch(/^RTV(_[A-Z0-9]+)+$/);
    expect(cause).toMatch(/^[A-Z].{8,}[^ ]$/i);
    expect(cure).toMatch(/^.{8,}[.?]$/);
    if (status !== undefined) expect(status).toSatisfy((n: number) => n >= 400 && n <= 599);
  });

  it('has each code once', () => {
    expect(catalogue.map(([code]) => code).filter((code, at, all) => all.indexOf(code) !== at)).toEqual([]);
  });

  it('names only pages and settings that exist', () => {
    const text = catalogue.map(([, { cure }]) => cure).join('\n');
    for (const path of text.match(/(?:docs|src|examples)\/[\w./-]*\w/g) ?? []) {
      expect(() => readdirSync(path.replace(/\/[^/]*$/, '')), path).not.toThrow();
      expect(readdirSync(path.replace(/\/[^/]*$/, '')), path).toContain(path.split('/').at(-1));
    }
  });
});

describe('the codes of the sources', () => {
  const sources = ['src', 'tools', 'bin'].flatMap(filesOf);
  const text = new Map(sources.map((file) => [file, readFileSync(file, 'utf8')]));

  it.each(sources.filter((file) => text.get(file)?.includes('RTV_')))(
    'of %s are in the catalogue',
    (file) => {
      expect([...new Set(text.get(file)?.match(CODE))].filter((code) => !known.has(code))).toEqual([]);
    },
  );

  it.each(['docs', 'README.md', 'CONTRIBUTING.md', 'SECURITY.md'].flatMap(pagesOf))(
    'of %s are in the catalogue',
    (file) => {
      const codes = readFileSync(file, 'utf8').match(CODE) ?? [];
      expect(codes.filter((code) => !known.has(code))).toEqual([]);
    },
  );

  it('are all of the catalogue', () => {
    const used = usedCodes(text);
    expect([...known].filter((code) => !used.has(code))).toEqual([]);
  });
});

/** Codes that some source says, other than as the entry of a table. */
function usedCodes(text: ReadonlyMap<string, string>): ReadonlySet<string> {
  const used = new Set<string>();
  for (const [file, source] of text) {
    if (file === NAMED) continue;
    for (const line of source.split('\n')) {
      if (!ENTRY.test(line)) for (const code of line.match(CODE) ?? []) used.add(code);
    }
  }
  const elsewhere = [...text].filter(([file]) => file !== NAMED).map(([, source]) => source);
  for (const [, name = '', code = ''] of (text.get(NAMED) ?? '').matchAll(/(\w+): '(RTV_\w+)'/g)) {
    const use = new RegExp(`_CODES\\.${name}\\b`);
    if (elsewhere.some((source) => use.test(source))) used.add(code);
  }
  return used;
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(ts|mjs)$/.test(entry.name) && !entry.name.endsWith('.test.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function pagesOf(path: string): string[] {
  if (path.endsWith('.md')) return [path];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && name !== 'errors.md')
    .map((name) => join(path, name))
    .sort();
}

function page(): string {
  return [
    '# Errors',
    '',
    'Each error has a stable code. It stands in logs (`code`) and, where an error leaves a worker or the front',
    'door through HTTP, in the problem+json body with the status given here.',
    '',
    ...ERROR_AREAS.map(({ title }) => `- [${title}](#${title.toLowerCase().replaceAll(' ', '-')})`),
    '',
    ...ERROR_AREAS.flatMap(({ title, about, file, entries }) => [
      `## ${title}`,
      '',
      `${about} Table: \`${file}\`.`,
      '',
      ...Object.entries(entries)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(section),
    ]),
  ].join('\n');
}

function section([code, { status, cause, cure }]: [string, ErrorEntry]): string {
  return [
    `### ${code}`,
    '',
    ...(status ? [`HTTP status ${status}.`, ''] : []),
    `Cause: ${cause}`,
    '',
    `Cure: ${cure}`,
    '',
  ].join('\n');
}
