import {
  EVENT_TYPE_PREFIX,
  FAILED_SOURCE_FACT_TYPES,
  type FactDetail,
  type FactParticipant,
  INVITATION_FACT_TYPES,
  MEDIA_STREAMING_FACT_TYPES,
  PARTICIPANT_FACT_TYPES,
  PLAIN_FACT_TYPES,
  RECORDING_FACT_TYPES,
  type Recognition,
  TRANSCRIPTION_FACT_TYPES,
} from './facts.js';
import {
  asBoolean,
  asFinite,
  asInteger,
  asObject,
  asProse,
  asText,
  asTimeMs,
  compact,
  type JsonObject,
} from './fields.js';
import { readParty } from './identifiers.js';

/** ACS holds at most a few hundred participants in a call. */
const MAX_PARTICIPANTS = 512;
const MAX_TONES = 64;
const MAX_WORD = 128;
const MAX_ID = 512;
const MAX_SPEECH = 8192;

const RECOGNITION_KINDS = ['dtmf', 'choices', 'speech'] as const;

type Reader = (data: JsonObject) => FactDetail;

const READERS = new Map<string, Reader>();

for (const type of PLAIN_FACT_TYPES) READERS.set(type, () => ({ type }));

for (const type of PARTICIPANT_FACT_TYPES) {
  READERS.set(type, (data) => compact({ type, participant: readParty(data.participant) }));
}

for (const type of INVITATION_FACT_TYPES) {
  READERS.set(type, (data) => compact({ type, invitationId: asText(data.invitationId, MAX_ID) }));
}

for (const type of FAILED_SOURCE_FACT_TYPES) {
  READERS.set(type, (data) =>
    compact({ type, failedPlaySourceIndex: asInteger(data.failedPlaySourceIndex) }),
  );
}

for (const type of MEDIA_STREAMING_FACT_TYPES) {
  READERS.set(type, (data) => {
    const update = asObject(data.mediaStreamingUpdate);
    return compact({
      type,
      mediaStreamingUpdate:
        update &&
        compact({
          contentType: asText(update.contentType, MAX_WORD),
          status: asText(update.mediaStreamingStatus, MAX_WORD),
          details: asText(update.mediaStreamingStatusDetails, MAX_WORD),
        }),
    });
  });
}

for (const type of TRANSCRIPTION_FACT_TYPES) {
  READERS.set(type, (data) => {
    const update = asObject(data.transcriptionUpdate);
    return compact({
      type,
      transcriptionUpdate:
        update &&
        compact({
          status: asText(update.transcriptionStatus, MAX_WORD),
          details: asText(update.transcriptionStatusDetails, MAX_WORD),
        }),
    });
  });
}

for (const type of RECORDING_FACT_TYPES) {
  READERS.set(type, (data) =>
    compact({
      type,
      recordingId: asText(data.recordingId, 2048),
      recordingState: asText(data.state, MAX_WORD)?.toLowerCase(),
      recordingKind: asText(data.recordingKind, MAX_WORD),
      startedAtMs: asTimeMs(data.startDateTime),
    }),
  );
}

READERS.set('ParticipantsUpdated', (data) =>
  compact({
    type: 'ParticipantsUpdated' as const,
    participants: readParticipants(data.participants),
    sequenceNumber: asInteger(data.sequenceNumber),
  }),
);

READERS.set('CallTransferAccepted', (data) =>
  compact({
    type: 'CallTransferAccepted' as const,
    transferee: readParty(data.transferee),
    transferTarget: readParty(data.transferTarget),
  }),
);

READERS.set('RecognizeCompleted', (data) => ({
  type: 'RecognizeCompleted',
  recognition: readRecognition(data),
}));

READERS.set('ContinuousDtmfRecognitionToneReceived', (data) =>
  compact({
    type: 'ContinuousDtmfRecognitionToneReceived' as const,
    tone: asText(data.tone, 16)?.toLowerCase(),
    sequenceId: asInteger(data.sequenceId),
  }),
);

/** Type and own fields of an event; `Unknown` for a type of which nothing is known. Never throws. */
export function readDetail(rawType: string, data: JsonObject): FactDetail {
  const name = rawType.startsWith(EVENT_TYPE_PREFIX) ? rawType.slice(EVENT_TYPE_PREFIX.length) : rawType;
  return READERS.get(name)?.(data) ?? { type: 'Unknown' };
}

/** Participants of a ParticipantsUpdated event or of a participant list; entries without an id are left out. */
export function readParticipants(value: unknown): FactParticipant[] {
  if (!Array.isArray(value)) return [];
  const participants: FactParticipant[] = [];
  for (const entry of value.slice(0, MAX_PARTICIPANTS) as unknown[]) {
    const object = asObject(entry);
    const party = readParty(object?.identifier);
    if (!object || !party) continue;
    participants.push({
      ...party,
      isMuted: asBoolean(object.isMuted) ?? false,
      isOnHold: asBoolean(object.isOnHold) ?? false,
    });
  }
  return participants;
}

function readRecognition(data: JsonObject): Recognition {
  const dtmf = asObject(data.dtmfResult);
  const choice = asObject(data.choiceResult);
  const speech = asObject(data.speechResult);
  const named = asText(data.recognitionType, MAX_WORD)?.toLowerCase();
  const kind: Recognition['kind'] =
    RECOGNITION_KINDS.find((known) => known === named) ??
    (dtmf ? 'dtmf' : choice ? 'choices' : speech ? 'speech' : 'unknown');
  return compact({
    kind,
    tones: readTones(dtmf?.tones),
    label: asText(choice?.label, MAX_ID),
    phrase: asProse(choice?.recognizedPhrase, MAX_SPEECH),
    speech: asProse(speech?.speech, MAX_SPEECH),
    confidence: asFinite(choice?.confidence) ?? asFinite(speech?.confidence),
  });
}

function readTones(value: unknown): string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const tones: string[] = [];
  for (const tone of value.slice(0, MAX_TONES) as unknown[]) {
    const name = asText(tone, 16);
    if (name) tones.push(name.toLowerCase());
  }
  return tones;
}
