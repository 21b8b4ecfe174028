import { Command } from 'commander';
import { RtvoiceError } from '../errors.js';
import { stateDirOf } from '../ops/stack-file.js';
import { auditKeyFrom, dayAfter, dayOf } from '../record/audit-record.js';
import { type AuditFinding, type AuditReport, verifyAudit } from '../record/audit-verify.js';
import { RecordError } from '../record/record-port.js';
import { cosmosFrom } from '../stores/cosmos/client.js';
import { CosmosRecords } from '../stores/cosmos/record-container.js';
import { cosmosSettings, stackSecret } from './provision.js';

interface VerifyOptions {
  readonly from?: string;
  readonly to?: string;
  readonly json?: boolean;
}

/** `rtvoice audit verify [--from DAY] [--to DAY] [--json]`: exit code 0 whole, 2 tampered with, 1 could not be read. */
export function auditCommand(): Command {
  const verify = new Command('verify')
    .description('recompute the audit log: finds changed, removed, reordered records and removed days')
    .option('--from <day>', 'first day, YYYY-MM-DD (UTC); default 30 days before --to')
    .option('--to <day>', 'last day, YYYY-MM-DD (UTC); default today')
    .option('--json', 'print the report as JSON')
    .action(async (options: VerifyOptions) => {
      const to = options.to ?? dayOf(Date.now());
      const report = await run(options.from ?? dayAfter(to, -30), to);
      const text = options.json ? JSON.stringify(report) : textOf(report);
      process.stdout.write(`${text}\n`);
      if (!report.ok) process.exitCode = 2;
    });
  return new Command('audit').description('the audit log').addCommand(verify);
}

async function run(from: string, to: string): Promise<AuditReport> {
  const dataKey = Buffer.from(
    process.env.RTVOICE_DATA_KEY || stackSecret(stateDirOf(process.env), 'dataKey') || '',
    'base64',
  );
  if (dataKey.length !== 32) throw new RtvoiceError('RTV_SEAL_KEY_INVALID');
  const cosmos = await cosmosFrom(cosmosSettings());
  try {
    return await verifyAudit(new CosmosRecords(cosmos, 'audit'), auditKeyFrom(dataKey), from, to);
  } catch (cause) {
    if (!(cause instanceof RecordError)) throw cause;
    const code = cause.code === 'range_invalid' ? 'RTV_CONFIG_INVALID' : 'RTV_COSMOS_UNAVAILABLE';
    throw new RtvoiceError(code, cause.message, { cause });
  } finally {
    cosmos.close();
  }
}

function textOf(report: AuditReport): string {
  const scope = `${report.records} records of ${report.days} days`;
  if (report.ok) return `whole: ${scope}`;
  return [`NOT WHOLE: ${scope}, ${report.findings.length} findings`, ...report.findings.map(lineOf)].join(
    '\n',
  );
}

function lineOf(finding: AuditFinding): string {
  const where = 'n' in finding ? `${finding.day} record ${finding.n}` : finding.day;
  const what: Record<AuditFinding['kind'], string> = {
    changed: 'was changed, or the one before it was',
    missing: 'is missing',
    reordered: 'lies in another place than it was written to',
    truncated: 'has lost records at its end',
    appended: 'was added by somebody without the key',
    head_missing: 'has lost its head',
    head_forged: 'has a head that was not made by this deployment',
    day_missing: 'is missing as a whole',
    anchor_differs: 'is not what the next day says it was',
  };
  const counts = finding.kind === 'truncated' ? ` (${finding.found} of ${finding.expected})` : '';
  return `  ${where} ${what[finding.kind]}${counts}`;
}
