import { describe } from 'vitest';
import { ScriptedResponder } from '../../../src/agent/scripted.js';
import { responderContract } from './responder-contract.js';

describe('scripted responder', () => {
  const responder = new ScriptedResponder();
  responderContract(() => responder);
});
