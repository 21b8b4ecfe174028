import { afterEach, describe, expect, it } from 'vitest';
import { inTask, onLongTask, TASK_LIMIT_MS, taskFigures } from './tasks.js';

const hold = (ms: number): void => {
  const until = performance.now() + ms;
  while (performance.now() < until);
};

describe('tasks of our own', () => {
  afterEach(() => taskFigures.reset());

  it('are counted, and told by name when they hold the loop too long', () => {
    taskFigures.reset();
    const told: [string, number][] = [];
    const stop = onLongTask((name, ms) => told.push([name, ms]));
    expect(inTask('media.message', () => 7)).toBe(7);
    inTask('media.playout', () => hold(TASK_LIMIT_MS + 2));
    stop();
    inTask('media.playout', () => hold(TASK_LIMIT_MS + 2));
    expect(told.map(([name]) => name)).toEqual(expect.arrayContaining(['media.playout']));
    const { count, over, worstMs } = taskFigures.read();
    expect(count).toBe(3);
    expect(over).toBeGreaterThanOrEqual(2);
    expect(worstMs).toBeGreaterThan(TASK_LIMIT_MS);
  });

  it('are counted when they throw', () => {
    taskFigures.reset();
    expect(() =>
      inTask('media.voice', () => {
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(taskFigures.read().count).toBe(1);
  });
});
