/** rtvoice report weekly: what the weekly review looks at. No personal data. */
import { Command } from 'commander';
import { RtvoiceError } from '../errors.js';
import { Analytics } from '../record/analytics.js';
import { dayOf } from '../record/audit-record.js';
import { readWeeks, SystemMetrics, type WeeklyReport } from '../record/system-metrics.js';
import { CosmosRecords } from '../stores/cosmos/record-container.js';
import { withCosmos } from './record.js';

/** `rtvoice report weekly [--to DAY] [--json]` */
export function reportCommand(): Command {
  const weekly = new Command('weekly')
    .description('use, capacity and trends of seven days, against the seven before')
    .option('--to <day>', 'last day, YYYY-MM-DD (UTC); default today, so far')
    .option('--json', 'print the report as JSON')
    .action(async (options: { to?: string; json?: boolean }) => {
      const to = options.to ?? dayOf(Date.now());
      const report = await read(to);
      process.stdout.write(`${options.json ? JSON.stringify(report) : textOf(report)}\n`);
    });
  return new Command('report').description('reports').addCommand(weekly);
}

async function read(to: string): Promise<WeeklyReport> {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(to) || Number.isNaN(Date.parse(to)))
    throw new RtvoiceError('RTV_SEARCH_INVALID', '--to');
  return withCosmos(async (cosmos) => {
    const analytics = new Analytics(new CosmosRecords(cosmos, 'analytics'));
    const metrics = new SystemMetrics(new CosmosRecords(cosmos, 'metrics'));
    return readWeeks(metrics, (day) => analytics.rollUpOf(day), to);
  });
}

const percent = (change: number | undefined): string =>
  change === undefined ? '' : ` (${change >= 0 ? '+' : ''}${(change * 100).toFixed(0)} % on the week before)`;

function textOf(report: WeeklyReport): string {
  const metrics = Object.entries(report.metrics).map(([name, { mean, max, last, meanChange }]) => {
    const figures = [mean, max, last].map((value) => Number(value.toPrecision(4)));
    return `  ${name.padEnd(28)} mean ${figures[0]}  max ${figures[1]}  last ${figures[2]}${percent(meanChange)}`;
  });
  const outcomes = Object.entries(report.outcomes).map(
    ([outcome, calls]) => `  ${outcome.padEnd(28)} ${calls}`,
  );
  return [
    `${report.from} to ${report.to}`,
    `calls          ${report.calls}${percent(report.callsChange)}`,
    `minutes        ${report.minutes.toFixed(1)}`,
    `interruptions  ${report.interruptions}`,
    `tokens         ${report.tokensIn} in, ${report.tokensOut} out`,
    `cost           ${report.costUsd.toFixed(2)} USD, of ${report.priced} calls that have a price`,
    ...report.days.map(({ day, calls }) => `  ${day}  ${calls}`),
    ...(outcomes.length > 0 ? ['outcomes', ...outcomes] : []),
    ...(metrics.length > 0 ? ['capacity and use', ...metrics] : ['no snapshots of metrics']),
  ].join('\n');
}
