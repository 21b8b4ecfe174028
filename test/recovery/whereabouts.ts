/** Which worker has what of which call: its audio, its transcripts, its actor. */
import { TRANSCRIPTION_MEMBER } from '../../src/media/sockets.js';
import { RedisKeyManager } from '../../src/stores/keys.js';
import type { StackView } from '../support/stack.js';

export interface Whereabouts {
  /** By call: name of the worker. */
  readonly audio: ReadonlyMap<string, string>;
  readonly words: ReadonlyMap<string, string>;
  readonly actors: ReadonlyMap<string, string>;
}

const keys = new RedisKeyManager({ environment: 'dev' });

/** Asks Redis (affinity) and the calls' actors. A call whose actor does not answer is left out of `actors`. */
export async function whereabouts(view: StackView, calls: readonly string[]): Promise<Whereabouts> {
  const audio = new Map<string, string>();
  const words = new Map<string, string>();
  const lives = await view.redis.zrange(keys.systemKey('workers', 'live'), 0, '-1');
  for (const life of lives) {
    const name = life.slice(0, life.lastIndexOf('.'));
    for (const member of await view.redis.smembers(keys.workerKey(life, 'affinity'))) {
      if (member.startsWith(TRANSCRIPTION_MEMBER)) words.set(member.slice(TRANSCRIPTION_MEMBER.length), name);
      else audio.set(member, name);
    }
  }
  const actors = new Map<string, string>();
  await Promise.all(
    calls.map(async (call) => {
      const described = await view.actor(call, 'describe').catch(() => undefined);
      if (typeof described?.owner === 'string') actors.set(call, described.owner);
    }),
  );
  return { audio, words, actors };
}

/** Calls that have nothing at a worker: neither audio nor words nor actor. */
export const elsewhere = (where: Whereabouts, calls: readonly string[], worker: string): string[] =>
  calls.filter((call) =>
    [where.audio, where.words, where.actors].every((map) => map.has(call) && map.get(call) !== worker),
  );

/** Calls whose thing of some kind is at a worker. */
export const at = (map: ReadonlyMap<string, string>, worker: string): string[] =>
  [...map].filter(([, name]) => name === worker).map(([call]) => call);
