/** Codes of keys and lifetimes, with causes and cures, for docs/errors.md. */
import type { ErrorEntry } from '../errors.js';

export const KEY_ERRORS = {
  RTV_KEY_PREFIX_INVALID: {
    cause: 'The first segment of a key is not 1 to 64 letters, digits, _ or -.',
    cure: 'Give the key manager another app prefix.',
  },
  RTV_KEY_ENVIRONMENT_UNKNOWN: {
    cause: 'The environment of a key is none of dev, test, staging, prod.',
    cure: 'Set ENVIRONMENT to one of them.',
  },
  RTV_KEY_DATA_TYPE_UNKNOWN: {
    cause: 'A key was asked for with a data type that does not exist.',
    cure: 'A fault of the calling code: the data types are those of src/stores/keys.ts.',
  },
  RTV_KEY_COMPONENT_UNKNOWN: {
    cause: 'A key was asked for with a component that its data type does not have.',
    cure: 'A fault of the calling code: the components are those of src/stores/keys.ts.',
  },
  RTV_KEY_IDENTIFIER_EMPTY: {
    cause: 'A key was asked for without an identifier.',
    cure: 'A fault of the calling code: name the call, session, worker or cache.',
  },
  RTV_KEY_IDENTIFIER_TOO_LONG: {
    cause: 'The identifier of a key has more than 2048 bytes.',
    cure: 'Find out who sends such an id; those of ACS are far shorter.',
  },
  RTV_KEY_IDENTIFIER_MALFORMED: {
    cause: 'The identifier of a key is not well-formed Unicode.',
    cure: 'Find out who sends such an id; it is never repaired silently.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type KeyErrorCode = keyof typeof KEY_ERRORS;

export const TTL_ERRORS = {
  RTV_TTL_MULTIPLIER_INVALID: {
    cause: 'TTL_MULTIPLIER is not above 0 and at most 100.',
    cure: 'Set it to 1, to 2.0 in production, to 0.5 for development.',
  },
  RTV_TTL_POLICY_UNKNOWN: {
    cause: 'A lifetime was asked for by a name that is no TTL policy.',
    cure: 'A fault of the calling code: the policies are those of src/stores/ttl.ts.',
  },
} as const satisfies Record<string, ErrorEntry>;

export type TtlErrorCode = keyof typeof TTL_ERRORS;
