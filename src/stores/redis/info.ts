/** One section or all of INFO, field by field. */
export type InfoFields = Readonly<Record<string, string>>;

/** Parses INFO's text; section titles and blank lines are left out. */
export function parseInfo(text: string): InfoFields {
  const fields: Record<string, string> = Object.create(null);
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (line.startsWith('#') || colon <= 0) continue;
    fields[line.slice(0, colon)] = line.slice(colon + 1);
  }
  return fields;
}

/** Share of `maxmemory` in use, 0 to 1 or a little above; undefined when the server has no bound. */
export function memoryShare(memory: InfoFields): number | undefined {
  const used = Number(memory.used_memory);
  const bound = Number(memory.maxmemory);
  return Number.isFinite(used) && bound > 0 ? used / bound : undefined;
}
