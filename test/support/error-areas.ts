/** All tables of error codes, area by area, in the order of docs/errors.md. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ACS_ERRORS, AUTH_ERRORS, EVENT_ERRORS } from '../../src/acs/errors.js';
import { AGENT_ERRORS } from '../../src/agent/errors.js';
import { AUDIO_ERRORS } from '../../src/audio/errors.js';
import { ERRORS, type ErrorEntry } from '../../src/errors.js';
import { FRONT_DOOR_ERRORS } from '../../src/frontdoor/errors.js';
import { MEMORY_ERRORS } from '../../src/memory/errors.js';
import { SIM_ERRORS, SIM_INNER_ERRORS } from '../../src/simulator/errors.js';
import { SPEECH_ERRORS } from '../../src/speech/errors.js';
import { KEY_ERRORS, TTL_ERRORS } from '../../src/stores/errors.js';
import { REDIS_ERRORS } from '../../src/stores/redis/errors.js';
import { STAND_IN_ERRORS } from '../../tools/cosmos/errors.js';
import { STACK_ERRORS } from '../../tools/stack/error.js';

export interface ErrorArea {
  readonly title: string;
  readonly about: string;
  /** Where the table stands. */
  readonly file: string;
  readonly entries: Readonly<Record<string, ErrorEntry>>;
}

/** Plain JavaScript, for it runs before the compiler is there. */
const bootstrap: { BOOTSTRAP_ERRORS: Record<string, ErrorEntry> } = await import(
  pathToFileURL(resolve('tools/bootstrap-errors.mjs')).href
);

export const ERROR_AREAS: readonly ErrorArea[] = [
  {
    title: 'Worker',
    about: 'Calls, actors, turns, settings, HTTP.',
    file: 'src/errors.ts',
    entries: ERRORS,
  },
  {
    title: 'Doors',
    about: 'Requests and sockets whose sender could not prove who it is. Each is a security event.',
    file: 'src/acs/errors.ts',
    entries: AUTH_ERRORS,
  },
  {
    title: 'Events',
    about: 'Entries of a batch of events that were left out. The others of the batch count.',
    file: 'src/acs/errors.ts',
    entries: EVENT_ERRORS,
  },
  {
    title: 'ACS',
    about: 'Operations that Azure Communication Services, or the way to it, did not carry out.',
    file: 'src/acs/errors.ts',
    entries: ACS_ERRORS,
  },
  {
    title: 'Memory',
    about: 'The memory of conversations, as a library.',
    file: 'src/memory/errors.ts',
    entries: MEMORY_ERRORS,
  },
  {
    title: 'Redis',
    about:
      'The Redis client. Refused, unknown or never sent: src/stores/redis/failure.ts has the difference.',
    file: 'src/stores/redis/errors.ts',
    entries: REDIS_ERRORS,
  },
  {
    title: 'Keys and lifetimes',
    about: 'Keys that cannot be built, lifetimes that cannot be.',
    file: 'src/stores/errors.ts',
    entries: { ...KEY_ERRORS, ...TTL_ERRORS },
  },
  {
    title: 'Agent',
    about: 'Why the model behind an agent gave no reply. The caller hears the fallback phrase.',
    file: 'src/agent/errors.ts',
    entries: AGENT_ERRORS,
  },
  {
    title: 'Speech',
    about: 'What the port to a speech engine fails with, whichever engine it is.',
    file: 'src/speech/errors.ts',
    entries: SPEECH_ERRORS,
  },
  {
    title: 'Audio',
    about: 'WAV files and synthesis on this machine.',
    file: 'src/audio/errors.ts',
    entries: AUDIO_ERRORS,
  },
  {
    title: 'Front door',
    about: 'The local ingress; its answers are problem+json with the code.',
    file: 'src/frontdoor/errors.ts',
    entries: FRONT_DOOR_ERRORS,
  },
  {
    title: 'Simulator',
    about: 'The offline ACS and its command line; inner codes where it answers in the place of ACS.',
    file: 'src/simulator/errors.ts',
    entries: { ...SIM_ERRORS, ...SIM_INNER_ERRORS },
  },
  {
    title: 'Local stack',
    about: 'npm start.',
    file: 'tools/stack/error.ts',
    entries: STACK_ERRORS,
  },
  {
    title: 'Cosmos stand-in',
    about: 'The database for development.',
    file: 'tools/cosmos/errors.ts',
    entries: STAND_IN_ERRORS,
  },
  {
    title: 'Bootstrap',
    about: 'Before anything is installed.',
    file: 'tools/bootstrap-errors.mjs',
    entries: bootstrap.BOOTSTRAP_ERRORS,
  },
];
