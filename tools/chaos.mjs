#!/usr/bin/env node
/**
 * `npm run chaos -- [--seed S] [--minutes M] [--calls N] [--json]`: callers talk, parts of the system die, and a checker
 * that shares no code with the worker says what was lost. See docs/chaos.md.
 *
 * With --json, stdout gets exactly one JSON object and everything else goes to stderr.
 */
import { runReporting } from './reporting.mjs';

await runReporting({ name: 'chaos', self: import.meta.url, cli: ['test', 'chaos', 'cli.js'] });
