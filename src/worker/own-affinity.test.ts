import { afterEach, expect, it } from 'vitest';
import { OwnAffinity } from './own-affinity.js';

const TIMING = { againMs: 5, lookMs: 20 };
let away = false;
let sets: Map<string, Set<string>>;
let own: OwnAffinity;
let life = 'w.1';

const setOf = (id: string): Set<string> => {
  const set = sets.get(id) ?? new Set();
  sets.set(id, set);
  return set;
};
const answered = async <T>(work: () => T): Promise<T> => {
  await Promise.resolve();
  if (away) throw new Error('away');
  return work();
};
const members = (id = life): string[] => [...setOf(id)].sort();

function open(): OwnAffinity {
  away = false;
  life = 'w.1';
  sets = new Map();
  own = new OwnAffinity(
    {
      add: (id, member) => answered(() => void setOf(id).add(member)),
      release: (id, member) => answered(() => void setOf(id).delete(member)),
      members: (id) => answered(() => [...setOf(id)]),
    },
    () => life,
    TIMING,
  );
  own.start();
  return own;
}

afterEach(() => own.stop());

it('what is added and removed while Redis is away is so once it is back', async () => {
  open();
  await own.add('call-1');
  away = true;
  await own.add('call-2');
  await own.remove('call-1');
  expect(members()).toEqual(['call-1']);
  away = false;
  await expect.poll(members).toEqual(['call-2']);
});

it('what Redis lost, or another one wrote, is put right', async () => {
  open();
  await own.add('call-1');
  sets.clear();
  setOf(life).add('call-9');
  await expect.poll(members).toEqual(['call-1']);
});

it('a worker that was taken for dead keeps nothing under its old name, and what it has under its new one', async () => {
  open();
  await own.add('call-1');
  sets.delete('w.1');
  life = 'w.2';
  await expect.poll(members).toEqual(['call-1']);
  await own.remove('call-1');
  expect(members()).toEqual([]);
  expect(members('w.1')).toEqual([]);
});
