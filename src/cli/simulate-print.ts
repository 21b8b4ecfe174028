import type { CallProgress } from '../simulator/client.js';
import type { CallResult, Turn } from '../simulator/core/report.js';
import type { LoadSummary } from '../simulator/load.js';

const out = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** Prints one line of a call's progress for people. */
export function printCallLine(progress: CallProgress): void {
  const at = `${seconds(progress.atMs)}  `;
  switch (progress.event) {
    case 'ringing':
      out(`${at}ringing     call ${String(progress.callConnectionId)}`);
      return;
    case 'answered':
      out(`${at}answered    ${ms(progress.incomingToAnswerMs)} after IncomingCall`);
      return;
    case 'connected':
    case 'media':
    case 'transcription':
    case 'mediaLost':
    case 'mediaFailed':
    case 'transcriptionLost':
    case 'transcriptionFailed':
      out(`${at}${EVENT_WORDS[progress.event] ?? progress.event}`);
      return;
    case 'turn':
      printTurn(at, progress.turn as Turn);
      return;
    case 'reply': {
      const frame = progress.finalToFirstFrameMs;
      out(
        `${at}  reply heard ${ms(progress.responseMs)} after the caller's last word` +
          (frame === undefined ? '' : `, first frame ${ms(frame)} after the final transcript`),
      );
      return;
    }
    case 'noReply':
      out(`${at}  no reply in time`);
      return;
    default:
      return;
  }
}

const EVENT_WORDS: Readonly<Record<string, string>> = {
  connected: 'connected',
  media: 'media       the audio socket is open',
  transcription: 'transcripts the transcription socket is open',
  mediaLost: 'media       the audio socket broke',
  mediaFailed: 'media       the audio socket could not be opened',
  transcriptionLost: 'transcripts the transcription socket broke',
  transcriptionFailed: 'transcripts the transcription socket could not be opened',
};

function printTurn(at: string, turn: Turn): void {
  const length = seconds(turn.endedMs - turn.startedMs).trim();
  if (turn.role === 'user') out(`${at}caller      ${turn.text}${turn.bargeIn ? '  (barges in)' : ''}`);
  else out(`${at}agent       spoke for ${length}`);
}

/** Prints a call's account for people. */
export function printResult(result: CallResult, recordedTo: string | undefined): void {
  const { audio, timings } = result;
  const replies = result.turns.filter((turn) => turn.responseMs !== undefined);
  out('');
  out(
    `${result.outcome}${result.detail === undefined ? '' : `: ${result.detail}`}  (${result.callConnectionId})`,
  );
  out(`  turns              ${result.turns.length} (${replies.length} replies, ${result.noReplies} missed)`);
  out(`  answered after     ${ms(timings.incomingToAnswerMs)}`);
  out(`  first audio        ${ms(timings.connectedToFirstAudioMs)} after CallConnected`);
  out(
    `  frames             ${audio.framesSent} sent, ${audio.framesReceived} received, ${audio.framesPlayed} played`,
  );
  out(`  gaps in speech     ${audio.gaps} (${audio.gapMs} ms)`);
  out(`  callbacks          ${result.callbacks.sent} sent, ${result.callbacks.refused} refused`);
  if (recordedTo !== undefined) out(`  recorded to        ${recordedTo}`);
  out(`  simulated latency  ${result.latency} ms, seed ${result.seed}`);
  if (result.faults !== '') out(`  faults             ${result.faults}`);
}

/** Prints how far a series is. */
export function printLoadProgress(done: number, live: number): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${done} calls done, ${live} live   `);
}

/** Prints the account of a series for people. */
export function printLoad(summary: LoadSummary): void {
  if (process.stderr.isTTY) process.stderr.write('\r');
  const list = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, count]) => `${count} ${name}`)
      .join(', ');
  out(`${summary.calls} calls in ${seconds(summary.durationMs).trim()}, at most ${summary.peakLive} at once`);
  out(`  outcomes   ${list(summary.outcomes)}`);
  if (Object.keys(summary.errors).length > 0) out(`  errors     ${list(summary.errors)}`);
  out(
    `  turns      ${summary.turns.user} caller, ${summary.turns.agent} agent, ${summary.turns.unanswered} unanswered`,
  );
  out(
    `  frames     ${summary.audio.framesSent} sent, ${summary.audio.framesReceived} received, ` +
      `${summary.audio.framesUnsent} unsent; ${summary.audio.gaps} gaps (${summary.audio.gapMs} ms)`,
  );
  out(
    `  callbacks  ${summary.callbacks.sent} sent, ${summary.callbacks.dropped} dropped, ${summary.callbacks.refused} refused`,
  );
  out(`  ${'ms'.padEnd(24)}${['n', 'p50', 'p95', 'p99', 'max'].map((name) => name.padStart(9)).join('')}`);
  for (const [name, row] of Object.entries(summary.latencies)) {
    const cells = [row.n, row.p50, row.p95, row.p99, row.max].map((value) => String(value).padStart(9));
    out(`  ${name.padEnd(24)}${cells.join('')}`);
  }
  const { latency, faults, seed } = summary.simulated;
  out(`  simulated latency ${latency} ms, seed ${seed}${faults === '' ? '' : `, faults ${faults}`}`);
}

function seconds(value: number): string {
  return `${(value / 1000).toFixed(2).padStart(7)} s`;
}

function ms(value: unknown): string {
  return typeof value === 'number' ? `${Math.round(value)} ms` : '–';
}
