import { formatAmount, isCurrency } from '../../platform/money.ts';
import type { Row, TransferStory } from '../../subgraphs/transfer/operations/explain-transfer.ts';
import { plain, table } from './table.ts';

/** One transfer from its beginning to what hangs now, to be read from top to bottom. */
export function formatStory(story: TransferStory): string {
  const { transfer } = story;
  const sections: [string, string][] = [
    [
      `Transfer ${plain(transfer['id'])}`,
      [
        `${plain(transfer['type'])} of ${money(transfer['amount'], transfer['currency'])}, fees ${money(transfer['fees'], transfer['currency'])}: ${plain(transfer['status'])}` +
          (transfer['failure_code'] ? ` (${plain(transfer['failure_code'])})` : ''),
        `from ${plain(transfer['source_label'])}, account ${plain(transfer['source_account_id'])}`,
        `to   ${plain(transfer['destination_label'])}, account ${plain(transfer['destination_account_id'])}`,
        `asked for by ${plain(transfer['user_id'])} at ${plain(transfer['created_at'])}`,
      ].join('\n'),
    ],
    ['Timeline', lines(story.timeline, ['at', 'status', 'step', 'note'])],
    ['Risk', story.assessment ? lines([story.assessment], ['score', 'level', 'decision', 'assessed_at']) : ''],
    [
      'Providers asked',
      lines(story.attempts, ['attempt', 'provider', 'sent_at', 'outcome', 'ended_at', 'reference', 'code', 'message']),
    ],
    ['Holds', story.holds.map(holdLine).join('\n')],
    ['Entries', story.entries.map(entryLines).join('\n')],
    ['Jobs', lines(story.jobs, ['key', 'attempts', 'run_at', 'locked_at', 'last_error'])],
    ['Dead letters', lines(story.letters, ['id', 'kind', 'class', 'severity', 'state', 'seen', 'retries', 'reason'])],
    ['What people did', lines(story.interventions, ['at', 'actor', 'action', 'note'])],
    ['Events', lines(story.events, ['position', 'at', 'type', 'status'])],
  ];
  return sections.map(([title, body]) => `${title}\n${indent(body === '' ? 'none' : body)}`).join('\n\n');
}

function lines(rows: readonly Row[], columns: readonly string[]): string {
  if (rows.length === 0) return '';
  return table([columns, ...rows.map((row) => columns.map((column) => plain(row[column])))]);
}

function holdLine(hold: Row): string {
  const amount = (column: string) => money(hold[column], hold['currency']);
  const changes = (hold['changes'] as Row[] | null) ?? [];
  return [
    `${plain(hold['id'])}: ${plain(hold['status'])}, ${amount('amount')} held, ${amount('captured')} captured, ${amount('released')} released, ends ${plain(hold['expires_at'])}`,
    ...changes.map(
      (change) => `  ${plain(change['at'])}  ${plain(change['kind'])} ${money(change['amount'], hold['currency'])}`,
    ),
  ].join('\n');
}

function entryLines(entry: TransferStory['entries'][number]): string {
  return [
    `${plain(entry['id'])}: ${plain(entry['kind'])} at ${plain(entry['at'])}, position ${plain(entry['position'])} of the chain`,
    ...entry.postings.map(
      (posting) =>
        `  ${money(posting['amount'], posting['currency']).padStart(20)}  ${plain(posting['line']).padEnd(13)} ${plain(posting['of'])} ${plain(posting['account'])}`,
    ),
  ].join('\n');
}

function money(amountMinor: unknown, currency: unknown): string {
  const [digits, code] = [plain(amountMinor), plain(currency)];
  return isCurrency(code) && /^-?\d+$/.test(digits)
    ? `${formatAmount(BigInt(digits), code)} ${code}`
    : `${digits} ${code}`;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}
