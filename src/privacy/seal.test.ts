import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { localSeal } from './seal.js';

const seal = localSeal(randomBytes(32));

describe('seal', () => {
  it('opens what it sealed, and only for the same purpose and record', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string(), fc.string(), (value, id, other) => {
        const sealed = seal.protect('turn', id, value);
        expect(seal.reveal('turn', id, sealed)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(() => seal.reveal('context', id, sealed)).toThrow('RTV_SEAL_BROKEN');
        if (other !== id) expect(() => seal.reveal('turn', other, sealed)).toThrow('RTV_SEAL_BROKEN');
      }),
    );
  });

  it('notices each changed byte', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 64 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (bytes, at, by) => {
          const sealed = seal.protectBytes('speech', 'x', Buffer.from(bytes));
          const place = at % sealed.length;
          sealed[place] = (sealed[place] ?? 0) ^ by;
          expect(() => seal.revealBytes('speech', 'x', sealed)).toThrow(
            /RTV_SEAL_BROKEN|RTV_RECORD_UNREADABLE/,
          );
        },
      ),
    );
  });

  it('shows nothing of what it holds, and never the same text twice', () => {
    const sealed = [1, 2].map(() => seal.protect('turn', 'x', { text: 'my number is 5550100' }));
    expect(sealed[0]).not.toBe(sealed[1]);
    expect(sealed.join()).not.toMatch(/5550100|number/);
  });

  it('does not open with another key, nor what is no seal', () => {
    const sealed = seal.protect('turn', 'x', 'y');
    expect(() => localSeal(randomBytes(32)).reveal('turn', 'x', sealed)).toThrow('RTV_SEAL_BROKEN');
    expect(() => seal.reveal('turn', 'x', 'v2.abc')).toThrow('RTV_RECORD_UNREADABLE');
    expect(() => seal.reveal('turn', 'x', 'v1.abc')).toThrow('RTV_RECORD_UNREADABLE');
    expect(() => localSeal(Buffer.alloc(16))).toThrow('RTV_SEAL_KEY_INVALID');
  });

  it('gives one pseudonym to one value, and another to another kind or key', () => {
    const name = seal.pseudonym('subject', '+15550100');
    expect(seal.pseudonym('subject', '+15550100')).toBe(name);
    expect(seal.pseudonym('caller', '+15550100')).not.toBe(name);
    expect(localSeal(randomBytes(32)).pseudonym('subject', '+15550100')).not.toBe(name);
    expect(name).toMatch(/^[0-9a-f]{32}$/);
  });
});
