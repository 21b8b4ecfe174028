import { createHash } from 'node:crypto';
import type { RedisClient } from './connect.js';

/** A Lua script, known to the server by its SHA-1. */
export interface ScriptDefinition {
  /** Its name in metrics and the audit trail. */
  readonly name: string;
  readonly lua: string;
  readonly sha: string;
  /** True when running it again with the same arguments changes nothing further. */
  readonly safe: boolean;
}

/** Defines a script once, at module load. */
export function defineScript(name: string, lua: string, options: { safe?: boolean } = {}): ScriptDefinition {
  return { name, lua, sha: createHash('sha1').update(lua).digest('hex'), safe: options.safe ?? false };
}

export type ScriptArgument = string | number | Buffer;

/**
 * Runs a script: EVALSHA, and EVAL with the source when the server does not know it yet. NOSCRIPT is a
 * definite no, so sending again is safe for any script.
 */
export async function evaluate(
  client: RedisClient,
  script: ScriptDefinition,
  keys: readonly string[],
  args: readonly ScriptArgument[],
  buffers: boolean,
): Promise<unknown> {
  const count = keys.length;
  const operands = [...keys, ...args];
  try {
    return await (buffers
      ? client.evalshaBuffer(script.sha, count, ...operands)
      : client.evalsha(script.sha, count, ...operands));
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return await (buffers
      ? client.evalBuffer(script.lua, count, ...operands)
      : client.eval(script.lua, count, ...operands));
  }
}
