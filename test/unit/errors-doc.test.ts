/**
 * docs/errors.md holds each code of the catalogue with its cause and cure.
 * After a change of src/errors.ts: `npx vitest run --project unit errors-doc -u` writes the page.
 */
import { describe, expect, it } from 'vitest';
import { ERRORS, type ErrorEntry } from '../../src/errors.js';

const catalogue: [string, ErrorEntry][] = Object.entries(ERRORS);

describe('the catalogue of errors', () => {
  it('is what docs/errors.md says', async () => {
    await expect(page()).toMatchFileSnapshot('../../docs/errors.md');
  });

  it.each(catalogue)('%s is well-formed', (code, { status, cause, cure }) => {
    expect(code).toMatch(/^RTV(_[A-Z0-9]+)+$/);
    expect(cause).toMatch(/^[A-Z].{8,}\.$/);
    expect(cure).toMatch(/^.{8,}$/);
    if (status !== undefined) expect(status).toSatisfy((n: number) => n >= 400 && n <= 599);
  });
});

function page(): string {
  const sections = [...catalogue]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([code, { status, cause, cure }]) =>
      [
        `## ${code}`,
        '',
        ...(status ? [`HTTP status ${status}.`, ''] : []),
        `Cause: ${cause}`,
        '',
        `Cure: ${cure}`,
        '',
      ].join('\n'),
    );
  return [
    '# Errors',
    '',
    'Each error has a stable code. It stands in logs (`code`), in spans (`error.type`) and, where an error',
    'leaves through HTTP, in the problem+json body with the status given here.',
    '',
    ...sections,
  ].join('\n');
}
