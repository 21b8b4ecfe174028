import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const sources = ['tools/cosmos', 'tools/stack/parts'];

/** A compiled copy of tools/, for tests that run it in processes of their own. */
export interface Compiled {
  /** The compiled file of a source such as "tools/cosmos/main.ts". */
  file: (source: string) => string;
  remove: () => Promise<void>;
}

/** Compiles the sources as they are now, into a folder from which node_modules is found. */
export async function compileTools(): Promise<Compiled> {
  const parent = join(root, 'node_modules', '.cache', 'rtvoice-tests');
  await mkdir(parent, { recursive: true });
  const out = await mkdtemp(join(parent, 'tools-'));
  await writeFile(join(out, 'package.json'), '{"type":"module"}');
  for (const source of sources) {
    for (const name of await readdir(join(root, source))) {
      if (!name.endsWith('.ts') || name.endsWith('.test.ts')) continue;
      const compilerOptions: ts.CompilerOptions = {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2023,
        verbatimModuleSyntax: true,
      };
      const text = await readFile(join(root, source, name), 'utf8');
      await mkdir(join(out, source), { recursive: true });
      const compiled = ts.transpileModule(text, { compilerOptions, fileName: name });
      await writeFile(join(out, source, name.replace(/\.ts$/, '.js')), compiled.outputText);
    }
  }
  return {
    file: (source) => join(out, relative(root, join(root, source)).replace(/\.ts$/, '.js')),
    remove: () => rm(out, { recursive: true, force: true }),
  };
}
