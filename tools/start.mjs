#!/usr/bin/env node
/** `npm start`: installs and builds what is missing, then runs the local stack in this very process. */
import { bootstrap } from './bootstrap.mjs';

try {
  await bootstrap({ build: true, say: (line) => process.stdout.write(`${line}\n`) });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
await import(new URL('../dist/tools/stack/main.js', import.meta.url).href);
