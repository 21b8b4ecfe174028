/** The numbers of a version such as "v1.18.3" or "go1.26rc1"; undefined where there are none. */
function numbers(version: string): readonly [number, number, number] | undefined {
  const match = /^v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(version.trim());
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
}

/** Whether a version is that or a later one; false for what is no version. */
export function atLeast(version: string, oldest: string): boolean {
  const have = numbers(version);
  const need = numbers(oldest);
  if (have === undefined || need === undefined) return false;
  for (const [index, part] of have.entries()) {
    const difference = part - (need[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
