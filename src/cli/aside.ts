/** rtvoice transcripts aside: documents that Cosmos refused for good, listed without words, and put back. Audited. */
import { Command } from 'commander';
import { AsideStore, type SetAside } from '../record/aside.js';
import { isTurn } from '../record/documents.js';
import { restoreAside } from '../record/restore.js';
import { CosmosArchive } from '../stores/cosmos/cosmos-archive.js';
import { CosmosRecords } from '../stores/cosmos/record-container.js';
import { auditedOnCosmos } from './record.js';

interface AsideOptions {
  readonly restore?: boolean;
  readonly json?: boolean;
}

/** `rtvoice transcripts aside SESSION [--restore] [--json]`. Exit code 1 when something could not be put back. */
export function asideCommand(): Command {
  return new Command('aside')
    .description('documents of a session that Cosmos refused for good')
    .argument('<session>', 'session id: the call connection id')
    .option('--restore', 'put them back into the transcript')
    .option('--json', 'print them as JSON')
    .action(showAside);
}

async function showAside(sessionId: string, { restore, json }: AsideOptions): Promise<void> {
  const { entries, left } = await auditedOnCosmos(
    async (cosmos) => {
      const aside = new AsideStore(new CosmosRecords(cosmos, 'aside'));
      const found = await aside.of(sessionId);
      if (!restore) return { entries: found, restored: 0, left: 0 };
      const waiting = found.filter(({ restoredAt }) => restoredAt === undefined);
      const outcome = await restoreAside(new CosmosArchive(cosmos), aside, waiting, Date.now);
      return { entries: await aside.of(sessionId), ...outcome };
    },
    ({ entries: found, restored }) => ({
      action: restore ? 'transcript.restored' : 'transcript.aside_listed',
      sessionId,
      detail: { documents: found.length, restored },
    }),
  );
  const rows = entries.map(rowOf);
  process.stdout.write(`${json ? JSON.stringify(rows) : textOf(rows)}\n`);
  if (left > 0) process.exitCode = 1;
}

type Row = ReturnType<typeof rowOf>;

function rowOf({ document, code, at, restoredAt }: SetAside) {
  return {
    id: document.id,
    kind: isTurn(document) ? 'turn' : document.kind,
    ...(isTurn(document) ? { seq: document.seq } : {}),
    code,
    at,
    ...(restoredAt === undefined ? {} : { restoredAt }),
  };
}

function textOf(rows: readonly Row[]): string {
  if (rows.length === 0) return 'nothing was set aside';
  return rows
    .map(({ id, kind, code, at, restoredAt }) => {
      const state = restoredAt === undefined ? 'set aside' : `restored ${restoredAt}`;
      return `${at}  ${kind}  ${id}  ${code}  ${state}`;
    })
    .join('\n');
}
