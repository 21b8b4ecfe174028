import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from '../../support/redis-servers.js';
import { type Line, openLine } from './host.js';
import { anySteps, type Step } from './steps.js';
import { World } from './world.js';

const RUNS = Number(process.env.JOURNAL_RUNS ?? 150);
/** Fixed, so that a run can be repeated; JOURNAL_SEED explores others. */
const SEED = Number(process.env.JOURNAL_SEED ?? 181_654_730);

/** How often which rule of state did its work, over all runs. */
const seen = new Map<string, number>();

let server: RedisServer;
let direct: Redis;
let lines: Line[];

beforeAll(async () => {
  server = await startRedis();
  direct = new Redis({ host: server.host, port: server.port });
  lines = [await openLine(server), await openLine(server)];
});

afterAll(async () => {
  await Promise.all(lines.map((line) => line.close()));
  direct.disconnect();
  await server.stop();
});

/** Runs the steps on a new call and says what is wrong with its transcript. */
async function outcome(steps: readonly Step[]): Promise<string[]> {
  const world = new World(lines, direct);
  try {
    await world.start();
    for (const step of steps) await step.run(world);
    await world.heal();
    return complaints(world);
  } finally {
    world.close();
    for (const rule of world.rules()) seen.set(rule, (seen.get(rule) ?? 0) + 1);
  }
}

function complaints(world: World): string[] {
  const found: string[] = [];
  const documents = world.archive.documents();
  const places = new Map<string, number[]>();
  for (const [at, { turnId }] of documents.entries()) places.set(turnId, [...(places.get(turnId) ?? []), at]);
  for (const [which, media] of world.medias.entries()) {
    let before = -1;
    media.spoken.forEach(({ turnId, acknowledged }, at) => {
      const [place, ...more] = places.get(turnId) ?? [];
      const name = `media ${which} turn ${at + 1}`;
      if (acknowledged && place === undefined) found.push(`${name} was acknowledged and is lost`);
      if (more.length > 0) found.push(`${name} stands there ${more.length + 1} times`);
      if (place === undefined) return;
      if (place < before) found.push(`${name} is out of order`);
      before = place;
    });
  }
  return found;
}

describe('turn commit', () => {
  it('keeps each acknowledged turn once and in order, whatever happens', { timeout: 600_000 }, async () => {
    console.log(`seed ${SEED}, ${RUNS} runs`);
    await fc.assert(
      fc.asyncProperty(anySteps, async (steps) => {
        expect(await outcome(steps)).toEqual([]);
      }),
      { seed: SEED, numRuns: RUNS },
    );
    console.log([...seen].map(([rule, times]) => `${rule} ${times}`).join(', '));
  });
});
