/** Steps of the model as data, so that fast-check can shrink a sequence to the few that matter. */
import fc from 'fast-check';
import type { World } from './world.js';

export interface Step {
  readonly name: string;
  run(world: World): Promise<void> | void;
}

const step = (name: string, run: Step['run']): Step => ({ name, run, toString: () => name }) as Step;

const which = fc.nat({ max: 1 });

/** Simple and harmless ones first: fast-check shrinks towards them. */
const steps: fc.WeightedArbitrary<Step>[] = [
  { weight: 12, arbitrary: fc.constant(step('say', (world) => world.say())) },
  {
    weight: 8,
    arbitrary: fc.nat({ max: 40 }).map((ms) => step(`pause ${ms}`, (world) => world.pause(ms))),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(which, fc.integer({ min: 1, max: 4 }), fc.boolean())
      .map(([at, count, mute]) =>
        step(`archive ${at} ${count}${mute ? ' mute' : ''}`, (world) => world.archiveSome(at, count, mute)),
      ),
  },
  { weight: 2, arbitrary: fc.constant(step('event', (world) => world.event())) },
  { weight: 2, arbitrary: fc.constant(step('keep', (world) => world.keep().then(() => undefined))) },
  { weight: 2, arbitrary: fc.constant(step('attach', (world) => world.attachNew())) },
  { weight: 2, arbitrary: fc.constant(step('say stale', (world) => world.sayStale())) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(which, fc.nat({ max: 30 }))
      .map(([at, turn]) => step(`late ${at} ${turn}`, (world) => world.late(at, turn))),
  },
  {
    weight: 3,
    arbitrary: fc
      .boolean()
      .map((clean) => step(`move${clean ? ' clean' : ''}`, (world) => world.move(clean))),
  },
  { weight: 2, arbitrary: which.map((at) => step(`crash ${at}`, (world) => world.crash(at))) },
  { weight: 1, arbitrary: fc.constant(step('kill media', (world) => world.killMedia())) },
  { weight: 2, arbitrary: fc.constant(step('snapshot', (world) => world.takeSnapshot())) },
  { weight: 3, arbitrary: fc.constant(step('go back', (world) => world.goBack())) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom('session' as const, 'all' as const)
      .map((what) => step(`lose ${what}`, (world) => world.lose(what))),
  },
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        which,
        fc.constantFrom(...(['pass', 'loseOne', 'cut', 'dropReplies', 'hang', 'deliverAndCut'] as const)),
      )
      .map(([at, what]) => step(`${what} ${at}`, (world) => world.fault(at, what))),
  },
];

export const anySteps = fc.array(fc.oneof({ withCrossShrink: true }, ...steps), {
  minLength: 4,
  maxLength: 28,
  size: 'max',
});
