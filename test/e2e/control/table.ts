/**
 * Each call-control operation with its success, its failure, and the case in which nothing more is heard of it. Trials of
 * one kind share a call and are made in the order of this table.
 */
import type { AnswerDecision } from '../../../src/acs/answer-policy.js';
import type { OperationKind } from '../../../src/acs/operation-rules.js';
import * as born from './born.js';
import { CALLER, COLLEAGUE, OUR_NUMBER, SAY, STRANGER } from './desk.js';
import { hangsUp, hangsUpUnheard, recognizesKeys, unconnected } from './own-calls.js';
import {
  busy,
  failsLater,
  onItsOwn,
  recordingSucceeds,
  recordingTimesOut,
  refused,
  refusedAfter,
  startTimesOut,
  succeeds,
  type Trials,
  timesOut,
} from './trials.js';

const invited = { participant: COLLEAGUE, sourceNumber: OUR_NUMBER };
const transferred = { target: COLLEAGUE, sourceNumber: OUR_NUMBER };
const caller = { participant: CALLER };
const stranger = { participant: STRANGER };
const recording = { recordingId: Buffer.from('none').toString('base64') };
const NOT_FOUND = 'RTV_ACS_NOT_FOUND';
const INCOMPATIBLE = 'RTV_ACS_MEDIA_INCOMPATIBLE';

export const TABLE: Readonly<Record<OperationKind | AnswerDecision['kind'], Trials>> = {
  reject: { succeeds: [born.rejects], fails: [born.rejectRefused], neverComes: [born.rejectUnheard] },
  redirect: { succeeds: [born.redirects], fails: [born.redirectRefused], neverComes: [born.redirectUnheard] },
  createCall: {
    succeeds: [born.creates],
    fails: [born.createDeclined, born.createRefused],
    neverComes: [born.createUnheard],
  },
  addParticipant: {
    succeeds: [succeeds(invited)],
    fails: [failsLater(invited)],
    neverComes: [timesOut(invited)],
  },
  muteParticipant: {
    succeeds: [succeeds({ participant: COLLEAGUE })],
    fails: [refused(stranger, NOT_FOUND)],
    neverComes: [timesOut(caller)],
  },
  removeParticipant: {
    succeeds: [succeeds({ participant: COLLEAGUE })],
    fails: [refused(stranger, NOT_FOUND)],
    neverComes: [timesOut({ participant: COLLEAGUE })],
  },
  play: {
    succeeds: [succeeds(SAY)],
    fails: [
      refused({ ...SAY, to: [STRANGER] }, NOT_FOUND),
      failsLater({ sources: [{ kind: 'file', url: 'http://127.0.0.1:9/none.wav' }] }),
      busy('play', SAY),
    ],
    neverComes: [timesOut(SAY)],
  },
  cancelAllMedia: {
    succeeds: [succeeds()],
    fails: [busy('cancelAllMediaOperations')],
    neverComes: [timesOut()],
  },
  recognizeDtmf: {
    succeeds: [recognizesKeys],
    fails: [
      refused({ from: STRANGER }, NOT_FOUND),
      failsLater({ from: CALLER, maxTones: 1, initialSilenceS: 1 }),
    ],
    neverComes: [timesOut({ from: CALLER, maxTones: 1, initialSilenceS: 1 })],
  },
  startContinuousDtmf: {
    succeeds: [succeeds({ from: CALLER })],
    fails: [refused({ from: STRANGER }, NOT_FOUND)],
    neverComes: [timesOut({ from: CALLER })],
  },
  stopContinuousDtmf: {
    succeeds: [succeeds({ from: CALLER })],
    fails: [refused({ from: STRANGER }, NOT_FOUND)],
    neverComes: [timesOut({ from: CALLER })],
  },
  sendDtmf: {
    succeeds: [succeeds({ tones: ['one', 'pound'], to: CALLER })],
    fails: [refused({ tones: ['one'], to: STRANGER }, NOT_FOUND)],
    neverComes: [timesOut({ tones: ['one'], to: CALLER })],
  },
  hold: {
    succeeds: [succeeds(caller)],
    fails: [refused(stranger, NOT_FOUND)],
    neverComes: [timesOut(caller)],
  },
  unhold: {
    succeeds: [succeeds(caller)],
    fails: [refused(caller, INCOMPATIBLE)],
    neverComes: [timesOut(caller)],
  },
  stopMediaStreaming: {
    succeeds: [succeeds()],
    fails: [refusedAfter('stopMediaStreaming', {}, 'startMediaStreaming')],
    neverComes: [timesOut()],
  },
  startMediaStreaming: {
    succeeds: [succeeds()],
    fails: [refused({}, INCOMPATIBLE)],
    neverComes: [startTimesOut('stopMediaStreaming', 'MediaStreamingStarted')],
  },
  updateTranscription: {
    succeeds: [succeeds({ locale: 'en-GB' })],
    fails: [refusedAfter('stopTranscription', { locale: 'en-GB' }, 'startTranscription')],
    neverComes: [timesOut({ locale: 'en-GB' })],
  },
  stopTranscription: {
    succeeds: [succeeds()],
    fails: [refusedAfter('stopTranscription', {}, 'startTranscription')],
    neverComes: [timesOut()],
  },
  startTranscription: {
    succeeds: [succeeds({ locale: 'en-US' })],
    fails: [refused({}, INCOMPATIBLE)],
    neverComes: [startTimesOut('stopTranscription', 'TranscriptionStarted')],
  },
  startRecording: {
    succeeds: [succeeds({ format: 'wav' })],
    fails: [unconnected],
    neverComes: [timesOut()],
  },
  pauseRecording: {
    succeeds: [recordingSucceeds],
    fails: [refused(recording, 'RTV_ACS_CALL_NOT_FOUND')],
    neverComes: [recordingTimesOut],
  },
  resumeRecording: {
    succeeds: [recordingSucceeds],
    fails: [refused(recording, 'RTV_ACS_CALL_NOT_FOUND')],
    neverComes: [recordingTimesOut],
  },
  stopRecording: {
    succeeds: [recordingSucceeds],
    fails: [refused(recording, 'RTV_ACS_CALL_NOT_FOUND')],
    neverComes: [recordingTimesOut],
  },
  transfer: {
    succeeds: [onItsOwn('', succeeds(transferred))],
    fails: [failsLater(transferred)],
    neverComes: [timesOut(transferred)],
  },
  hangUp: {
    succeeds: [hangsUp(true), hangsUp(false)],
    fails: [busy('terminate')],
    neverComes: [hangsUpUnheard],
  },
  // Last: its deadline has passed by then.
  answer: {
    succeeds: [born.answers],
    fails: [born.answerRefused],
    neverComes: [born.answerUnheard, born.answerRepeated],
  },
};
