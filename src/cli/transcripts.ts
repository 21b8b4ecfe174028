/** rtvoice transcripts: calls found, and read back with their words by whoever holds the data key. Audited. */
import { Command, Option } from 'commander';
import { RtvoiceError } from '../errors.js';
import type { CallPage } from '../record/analytics.js';
import type { CallAnalytics } from '../record/call-facts.js';
import { searchOf } from '../record/search-request.js';
import { formatted, type TranscriptFormat } from '../record/transcript-formats.js';
import { asideCommand } from './aside.js';
import { readRecord } from './record.js';

interface SearchOptions {
  readonly from?: string;
  readonly to?: string;
  readonly agent?: string;
  readonly outcome?: string;
  readonly transcript?: string;
  readonly limit?: string;
  readonly continuation?: string;
  readonly json?: boolean;
}

/** `rtvoice transcripts show ID`, `sessions SUBJECT`, `search`, `aside ID`. Exit code 1 for what is not there. */
export function transcriptsCommand(): Command {
  const show = new Command('show')
    .description('a transcript with its words')
    .argument('<session>', 'session id: the call connection id')
    .addOption(new Option('--format <format>', 'form').choices(['json', 'text', 'vtt']).default('text'))
    .action(showTranscript);
  const sessions = new Command('sessions')
    .description("a subject's last sessions, newest first")
    .argument('<subject>', 'keyed hash of the caller')
    .option('--limit <n>', 'most sessions of a page, up to 50', '20')
    .option('--continuation <token>', 'of the page before')
    .action(showSessions);
  const search = new Command('search')
    .description('calls by time, agent and outcome, newest first')
    .option('--from <time>', 'day or ISO time; default a week before --to')
    .option('--to <time>', 'day (included) or ISO time; default today')
    .option('--agent <name>', 'the agent that had the call last')
    .option('--outcome <name>', 'e.g. completed')
    .option('--transcript <state>', 'e.g. set_aside, gap')
    .option('--limit <n>', 'most calls of a page, up to 500')
    .option('--continuation <token>', 'of the page before')
    .option('--json', 'the page as JSON')
    .action(searchCalls);
  return new Command('transcripts')
    .description('recorded calls')
    .addCommand(show)
    .addCommand(sessions)
    .addCommand(search)
    .addCommand(asideCommand());
}

async function showTranscript(
  sessionId: string,
  { format }: { readonly format: TranscriptFormat },
): Promise<void> {
  const transcript = await readRecord(
    (reader) => reader.transcript(sessionId, { words: true }),
    (found) => ({
      action: 'transcript.read',
      sessionId,
      detail: { format, words: true, found: found !== undefined, turns: found?.turns.length ?? 0 },
    }),
  );
  if (!transcript) throw new RtvoiceError('RTV_TRANSCRIPT_UNKNOWN');
  const text = formatted(transcript, format);
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  if (transcript.completeness !== 'complete') {
    process.stderr.write(`not complete: ${transcript.completeness}\n`);
  }
}

async function showSessions(
  subjectHash: string,
  { limit, continuation }: { readonly limit: string; readonly continuation?: string },
): Promise<void> {
  const page = await readRecord(
    (reader) => reader.sessions(subjectHash, { limit: Number(limit) || 20, continuation }),
    (found) => ({
      action: 'subject.sessions',
      subjectHash,
      detail: { found: found !== undefined, sessions: found?.sessions.length ?? 0 },
    }),
  );
  if (!page) throw new RtvoiceError('RTV_NOT_FOUND', 'no such subject');
  process.stdout.write(`${JSON.stringify(page, undefined, 2)}\n`);
}

async function searchCalls(options: SearchOptions): Promise<void> {
  const { json, ...asked } = options;
  const page = await readRecord(
    // Async, so that what it refuses arrives as a rejection.
    async (reader) => reader.search(searchOf((name) => asked[name as keyof typeof asked], Date.now())),
    ({ calls }) => ({ action: 'calls.searched', detail: { ...withoutToken(asked), calls: calls.length } }),
  );
  process.stdout.write(`${json ? JSON.stringify(page) : textOf(page)}\n`);
}

function withoutToken({ continuation: _, ...asked }: Omit<SearchOptions, 'json'>): Record<string, string> {
  return asked;
}

function textOf({ calls, continuation }: CallPage): string {
  if (calls.length === 0 && continuation === undefined) return 'no call';
  const more = continuation === undefined ? [] : [`more: --continuation ${continuation}`];
  return [...calls.map(lineOf), ...more].join('\n');
}

function lineOf(call: CallAnalytics): string {
  const seconds = (call.durationMs / 1000).toFixed(1);
  const turns = `${call.userTurns}+${call.agentTurns} turns`;
  const state = call.transcript === undefined || call.transcript === 'complete' ? '' : `  ${call.transcript}`;
  return `${call.startedAt}  ${call.sessionId}  ${seconds} s  ${turns}  ${call.agent}  ${call.outcome}${state}`;
}
