/** The last steps of a call, on the real stores: summary document, summary key (the tombstone), profile. */

import type { ActorClient } from '../actors/client.js';
import { type CallSummary, type Closing, type Erasures, JournalFailure } from '../actors/ports.js';
import { SUBJECT_ACTOR } from '../actors/subject-actor.js';
import { RtvoiceError } from '../errors.js';
import type { Seal } from '../privacy/seal.js';
import { RANGE_LIMIT, type TranscriptArchive } from '../record/archive-port.js';
import { Component } from '../stores/keys.js';
import { RedisFailure } from '../stores/redis/failure.js';
import type { RedisManager } from '../stores/redis/manager.js';

export interface ClosingParts {
  readonly redis: RedisManager;
  readonly archive: TranscriptArchive;
  readonly transcripts: { complete(summary: CallSummary): Promise<string> };
  readonly seal: Seal;
  readonly actors: ActorClient;
  readonly erasures: Pick<Erasures, 'check'>;
}

/** Archived turns that may be sent again: no media worker holds more. */
const NEWEST = 2_048;

export function createClosing(parts: ClosingParts): Closing {
  const { redis, archive, seal, actors, erasures } = parts;
  const isErased = ({ subjectId, incarnation }: CallSummary): Promise<boolean> =>
    erasures.check(subjectId, incarnation);
  const summaryKey = (callId: string): string => redis.keyManager.callKey(callId, Component.SUMMARY);

  return {
    // Of an erased caller no header, summary or analytics come back, and no profile.
    completeTranscript: async (summary) =>
      (await isErased(summary)) ? 'erased' : parts.transcripts.complete(summary),

    async writeSummary(summary) {
      const { remembered: _, subjectId: __, ...bare } = summary;
      const kept = (await isErased(summary)) ? bare : summary;
      const sealed = seal.protect('summary', summary.callConnectionId, kept);
      await redis.setJson(
        summaryKey(summary.callConnectionId),
        {
          schema: 1,
          incarnation: summary.incarnation,
          turns: summary.turns,
          outcome: summary.outcome,
          transcript: summary.transcript,
          sealed,
        },
        { ttl: redis.keyManager.ttl('call_summary'), correlationId: summary.correlationId },
      );
    },

    async hasEnded(callId) {
      try {
        return (await redis.ttl(summaryKey(callId))) > 0;
      } catch (thrown) {
        if (!(thrown instanceof RedisFailure)) throw thrown;
        throw new JournalFailure(thrown.kind, thrown.code);
      }
    },

    async updateProfile(summary) {
      if (!summary.subjectId) return;
      const answer = await actors.call(SUBJECT_ACTOR, summary.subjectId, 'record', { summary });
      if (!answer.ok) throw new RtvoiceError(answer.code);
    },

    async archivedTurns(callId) {
      const tail = await archive.tail(callId);
      if (tail.kind !== 'tail') throw new RtvoiceError('RTV_COSMOS_UNAVAILABLE');
      const turns: { seq: number; turnId: string }[] = [];
      for (let from = Math.max(1, tail.lastSeq - NEWEST + 1); from <= tail.lastSeq; from += RANGE_LIMIT) {
        const to = Math.min(tail.lastSeq, from + RANGE_LIMIT - 1);
        const range = await archive.range(callId, from, to);
        if (range.kind !== 'range') throw new RtvoiceError('RTV_COSMOS_UNAVAILABLE');
        turns.push(...range.turns.map(({ seq, turnId }) => ({ seq, turnId })));
      }
      return turns;
    },
  };
}
