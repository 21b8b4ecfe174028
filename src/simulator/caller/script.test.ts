import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DEMO_SCRIPT, parseScript, spokenLines } from './script.js';

const EXAMPLES = new URL('../../../examples/calls/', import.meta.url);

describe('scripts', () => {
  it.each(readdirSync(EXAMPLES).filter((name) => name.endsWith('.json')))('example %s is valid', (name) => {
    const script = parseScript(JSON.parse(readFileSync(new URL(name, EXAMPLES), 'utf8')));
    expect(script.lines.length).toBeGreaterThan(0);
  });

  it('the demonstration is the claim of the examples, with at least five caller turns', () => {
    const claim = parseScript(JSON.parse(readFileSync(new URL('claim.json', EXAMPLES), 'utf8')));
    expect(claim.lines).toEqual(DEMO_SCRIPT.lines);
    expect(spokenLines(DEMO_SCRIPT)).toBeGreaterThanOrEqual(5);
  });

  it.each([
    ['nothing', undefined],
    ['no lines', { lines: [] }],
    ['an empty line', [{}]],
    ['an unknown field', [{ say: 'x', loud: true }]],
    ['a wav without text', [{ wav: 'a.wav' }]],
    ['a text without sound', [{ text: 'x' }]],
    ['bad keys', [{ dtmf: '12x' }]],
    ['listening to nobody and barging in', [{ say: 'x', listen: false, bargeInAfterMs: 5 }]],
  ])('refuses %s', (_name, value) => {
    expect(() => parseScript(value)).toThrow(expect.objectContaining({ code: 'RTV_SIM_SCRIPT_INVALID' }));
  });
});
