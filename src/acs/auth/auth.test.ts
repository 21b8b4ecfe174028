import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mintCallToken, readCallToken } from './call-token.js';
import { createEventGridVerifier } from './event-grid.js';
import { LocalSeenTokens } from './seen-tokens.js';

const SECRET = 'a secret of the tests';
const OLD = 'the secret before it';
const ID = 'd4f4c1d5-16c5-4f34-9a9e-7d5f7b1f0b3c';

describe('call tokens', () => {
  it('give the correlation id back, with the current or the previous secret', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.~-]{0,127}$/), (id) => {
        const token = mintCallToken(SECRET, id);
        expect(token).toMatch(/^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{22}$/);
        expect(readCallToken(SECRET, token)).toBe(id);
        expect(readCallToken([SECRET, OLD], mintCallToken(OLD, id))).toBe(id);
        expect(readCallToken(OLD, token)).toBeUndefined();
      }),
    );
  });

  it('are refused after any change of one character', () => {
    const token = mintCallToken(SECRET, ID);
    for (let at = 0; at < token.length; at += 1) {
      for (const replacement of ['A', 'B', '.', '=', '-', '']) {
        const changed = token.slice(0, at) + replacement + token.slice(at + 1);
        if (changed !== token) expect(readCallToken(SECRET, changed)).toBeUndefined();
      }
    }
    expect(readCallToken(SECRET, `${token}A`)).toBeUndefined();
  });

  it('never throw on what a URL may hold', () => {
    fc.assert(
      fc.property(fc.anything(), fc.string(), (value, text) => {
        expect(readCallToken([SECRET, OLD], value)).toBeUndefined();
        expect(readCallToken(SECRET, text)).toBeUndefined();
      }),
    );
    expect(readCallToken([], mintCallToken(SECRET, ID))).toBeUndefined();
  });

  it('are not made of short secrets or of what is no id', () => {
    expect(() => mintCallToken('short', ID)).toThrow(RangeError);
    expect(() => mintCallToken(SECRET, '+1 555 0100')).toThrow(RangeError);
  });
});

describe('Event Grid with a secret', () => {
  const grid = createEventGridVerifier({ mode: 'secret', secrets: [SECRET, OLD] });
  const none = new URLSearchParams();

  it('takes it in header or query, the previous one too', async () => {
    expect(await grid.verify({ 'x-rtvoice-eventgrid-key': SECRET }, none)).toEqual({ ok: true });
    expect(await grid.verify({}, new URLSearchParams({ code: OLD }))).toEqual({ ok: true });
    const named = createEventGridVerifier({ mode: 'secret', secrets: [SECRET], headerName: 'X-Mine' });
    expect(await named.verify({ 'x-mine': SECRET }, none)).toEqual({ ok: true });
  });

  it('refuses the rest', async () => {
    expect(await grid.verify({}, none)).toEqual({ ok: false, code: 'RTV_AUTH_MISSING' });
    for (const given of ['', `${SECRET} `, SECRET.slice(0, -1), 'x'.repeat(5000)]) {
      expect(await grid.verify({ 'x-rtvoice-eventgrid-key': given }, none)).toEqual({
        ok: false,
        code: 'RTV_AUTH_SECRET',
      });
    }
    expect(await grid.verify({ 'x-rtvoice-eventgrid-key': [SECRET, SECRET] }, none)).toEqual({
      ok: false,
      code: 'RTV_AUTH_SECRET',
    });
    expect(() => createEventGridVerifier({ mode: 'secret', secrets: [] })).toThrow(RangeError);
    expect(() => createEventGridVerifier({ mode: 'secret', secrets: [''] })).toThrow(RangeError);
  });

  it('lets all in when it is disabled', async () => {
    const open = createEventGridVerifier({ mode: 'disabled' });
    expect(open.enabled).toBe(false);
    expect(await open.verify({}, none)).toEqual({ ok: true });
  });
});

describe('LocalSeenTokens', () => {
  it('stays in bounds and counts what it forgets early', () => {
    const seen = new LocalSeenTokens(10, () => 0);
    for (let n = 0; n < 25; n += 1) expect(seen.use(`t${n}`, 'a', 1000)).toBe('new');
    expect(seen.size).toBe(10);
    expect(seen.evicted).toBe(15);
    expect(seen.use('t24', 'a', 1000)).toBe('same');
    expect(seen.use('t24', 'b', 1000)).toBe('other');
  });
});
