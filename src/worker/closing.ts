/** The last steps of a call, on the real stores: summary document, summary key (the tombstone), profile. */

import type { ActorClient } from '../actors/client.js';
import type { CallSummary, Closing, Journal } from '../actors/ports.js';
import { SUBJECT_ACTOR } from '../actors/subject-actor.js';
import { RtvoiceError } from '../errors.js';
import type { Seal } from '../privacy/seal.js';
import type { TranscriptArchive } from '../record/archive-port.js';
import { EMPTY_TALLY, summaryDocument, tallyTurn } from '../record/closing.js';
import { Component } from '../stores/keys.js';
import type { RedisManager } from '../stores/redis/manager.js';

export interface ClosingParts {
  readonly redis: RedisManager;
  readonly journal: Journal;
  readonly archive: TranscriptArchive;
  readonly seal: Seal;
  readonly actors: ActorClient;
}

interface StoredPayload {
  readonly id: string;
  readonly t: string;
}

export function createClosing(parts: ClosingParts): Closing {
  const { redis, journal, archive, seal, actors } = parts;
  const summaryKey = (callId: string): string => redis.keyManager.callKey(callId, Component.SUMMARY);

  /** Turn ids and sealed words in order: from the journal, or from Cosmos where the journal lost some. */
  const turnsOf = async (summary: CallSummary) => {
    const entries = await journal.entries(summary.callConnectionId);
    if (entries.length === summary.turns) {
      return entries
        .sort((a, b) => a.seq - b.seq)
        .map(({ seq, payload }) => {
          const { id, t } = JSON.parse(payload) as StoredPayload;
          return { seq, turnId: id, transcript: t };
        });
    }
    const turns = [];
    for (let from = 1; from <= summary.turns; from += 200) {
      const range = await archive.range(summary.callConnectionId, summary.incarnation, from, summary.turns);
      if (range.kind !== 'range') throw new RtvoiceError('RTV_COSMOS_UNAVAILABLE');
      turns.push(...range.turns);
    }
    return turns;
  };

  return {
    async completeTranscript(summary) {
      const tally = (await turnsOf(summary)).reduce(tallyTurn, EMPTY_TALLY);
      const document = summaryDocument(summary.callConnectionId, summary.incarnation, tally, {
        endedAt: summary.disconnectedAt ?? new Date().toISOString(),
        outcome: summary.outcome,
      });
      const outcome = await archive.create(document);
      if (outcome.kind !== 'created' && outcome.kind !== 'exists')
        throw new RtvoiceError('RTV_COSMOS_UNAVAILABLE');
    },

    async writeSummary(summary) {
      const sealed = seal.protect('summary', summary.callConnectionId, summary);
      await redis.setJson(
        summaryKey(summary.callConnectionId),
        {
          schema: 1,
          incarnation: summary.incarnation,
          turns: summary.turns,
          outcome: summary.outcome,
          sealed,
        },
        { ttl: redis.keyManager.ttl('call_summary'), correlationId: summary.correlationId },
      );
    },

    hasEnded: async (callId) => (await redis.ttl(summaryKey(callId))) > 0,

    async updateProfile(summary) {
      if (!summary.subjectId) return;
      const answer = await actors.call(SUBJECT_ACTOR, summary.subjectId, 'record', { summary });
      if (!answer.ok) throw new RtvoiceError(answer.code);
    },

    async transcriptTail(callId, incarnation) {
      const tail = await archive.tail(callId, incarnation);
      return tail.kind === 'tail' ? tail.lastSeq : 0;
    },
  };
}
