import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AuditTrail, auditLine } from './audit.js';
import type { Outcome } from './metrics.js';

const OUTCOMES: readonly Outcome[] = ['ok', 'refused', 'unknown', 'unavailable'];

test('the ring keeps the last records in order, whatever their number', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 0, max: 60 }), (capacity, count) => {
      const trail = new AuditTrail(capacity);
      for (let i = 1; i <= count; i += 1) trail.record('set', `k${i}`, 'ok', 1, undefined);
      const expected = Array.from(
        { length: Math.min(capacity, count) },
        (_, i) => count - Math.min(capacity, count) + 1 + i,
      );
      expect(trail.recent().map(({ sequence }) => sequence)).toEqual(expected);
    }),
  );
});

test('digests chain over every record, and leave none out', () => {
  const operation = fc.record({
    name: fc.constantFrom('get', 'set', 'commit'),
    outcome: fc.constantFrom(...OUTCOMES),
    takeAfter: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
      const trail = new AuditTrail(100);
      const digests = [];
      for (const { name, outcome, takeAfter } of operations) {
        trail.record(name, 'key', outcome, 0.5, 'corr');
        if (takeAfter) digests.push(trail.takeDigest());
      }
      digests.push(trail.takeDigest());
      const records = trail.recent();
      let previous = '';
      let total = 0;
      for (const digest of digests) {
        if (digest === undefined) continue;
        const covered = records.slice(digest.firstSequence - 1, digest.lastSequence);
        const hash = createHash('sha256').update(previous);
        for (const record of covered) hash.update(auditLine(record));
        expect(digest).toMatchObject({ previous, sha256: hash.digest('hex'), operations: covered.length });
        for (const outcome of OUTCOMES) {
          expect(digest.outcomes[outcome]).toBe(covered.filter((r) => r.outcome === outcome).length);
        }
        previous = digest.sha256;
        total += digest.operations;
      }
      expect(total).toBe(operations.length);
    }),
  );
});

test('long keys are cut, and too many names are counted together', () => {
  const trail = new AuditTrail(10);
  expect(trail.record('set', 'k'.repeat(5000), 'ok', 1, 'c'.repeat(5000))).toMatchObject({
    key: 'k'.repeat(256),
    correlationId: 'c'.repeat(256),
  });
  for (let i = 0; i < 500; i += 1) trail.record(`name-${i}`, undefined, 'ok', 1, undefined);
  expect(Object.keys(trail.takeDigest()?.byOperation ?? {}).length).toBeLessThanOrEqual(201);
  expect(trail.takeDigest()).toBeUndefined();
});
