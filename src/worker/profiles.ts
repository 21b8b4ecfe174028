/** Profiles in Cosmos, as SubjectActor writes them. */
import type { CallSummary } from '../actors/ports.js';
import type { Profiles } from '../actors/subject-actor.js';
import { ProfileStore } from '../record/profiles.js';
import type { Cosmos } from '../stores/cosmos/client.js';
import { CosmosRecords } from '../stores/cosmos/record-container.js';

export function createProfiles(cosmos: Cosmos, language: string): Profiles {
  const store = new ProfileStore({ container: new CosmosRecords(cosmos, 'profiles') });
  return {
    async recordCall(subjectId, summary: CallSummary) {
      await store.recordCall({
        subjectId,
        sessionId: summary.callConnectionId,
        endedAt: summary.disconnectedAt ?? new Date().toISOString(),
        language,
      });
    },
  };
}
