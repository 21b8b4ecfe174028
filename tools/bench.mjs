#!/usr/bin/env node
/**
 * `npm run bench -- NAME [--json] [--option VALUE]`
 *
 * With --json, stdout gets exactly one JSON object and everything else goes to stderr, whatever the bench or
 * the processes that it starts print.
 */
import { runReporting } from './reporting.mjs';

await runReporting({ name: 'bench', self: import.meta.url, cli: ['test', 'bench', 'cli.js'] });
