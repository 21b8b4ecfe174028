/** What the client can do to a call is tried in each of its three cases, against the real SDK (test/e2e/control.test.ts). */
import { describe, expect, it } from 'vitest';
import { ANSWER_DECISIONS } from '../../src/acs/answer-policy.js';
import { createAcs } from '../../src/acs/client.js';
import { CONTROL_SCHEMAS } from '../../src/acs/control-requests.js';
import { OPERATION_KINDS } from '../../src/acs/operation-rules.js';
import { TABLE } from '../e2e/control/table.js';

/** What only looks, or ends the client. */
const NO_OPERATIONS = ['properties', 'listParticipants', 'recordingState', 'close'];

const acs = createAcs({ connectionString: 'endpoint=https://acs.invalid/;accesskey=YQ==' });
const operations = Object.keys(acs).filter((name) => !NO_OPERATIONS.includes(name));

describe('call control', () => {
  it('follows and offers what the client can do', () => {
    expect([...new Set<string>([...OPERATION_KINDS, ...ANSWER_DECISIONS])].sort()).toEqual(operations.sort());
    const fromOutside = OPERATION_KINDS.filter((kind) => kind !== 'answer' && kind !== 'createCall');
    expect(Object.keys(CONTROL_SCHEMAS).sort()).toEqual([...fromOutside].sort());
  });

  it.each(operations)('%s has a success, a failure and a case in which nothing comes', (name) => {
    const trials = new Map(Object.entries(TABLE)).get(name);
    expect(trials?.succeeds).not.toHaveLength(0);
    expect(trials?.fails).not.toHaveLength(0);
    expect(trials?.neverComes).not.toHaveLength(0);
    expect(trials).toBeDefined();
  });
});
