import { z } from 'zod';
import { isCurrency } from '../../platform/money.ts';
import { fromMajorNumber } from '../major-units.ts';
import { keyOf } from '../payout-key.ts';
import { connectProvider, type ProviderConnection } from '../provider-connection.ts';
import { boundsOf, type SettlementFeed } from '../settlement/settlement-feed.ts';
import { splitCharge } from '../settlement/split-charge.ts';
import {
  checkReport,
  UnreadableReportError,
  type SettlementLine,
  type SettlementReport,
} from '../settlement/settlement-report.ts';
import { isRefused, readAnswer, Transfer } from './answers.ts';
import { findTransfer } from './find-payout.ts';
import { FLUTTERWAVE_URL, type FlutterwaveOptions } from './flutterwave-payouts.ts';

/*
 * What moved in our wallets at Flutterwave, version 3: the wallet's statement (GET /v3/wallet/statement, "balance history"), which has a line for every
 * credit and debit with the balance before and after it, and the transfers (GET /v3/transfers) that those lines are about, for what
 * Flutterwave took. Amounts are numbers in major units. A line has no name of its own: it is named by what it says.
 */

const StatementLine = z.object({
  type: z.enum(['C', 'D']),
  amount: z.number(),
  currency: z.string(),
  balance_before: z.number(),
  balance_after: z.number(),
  reference: z.string().nullish(),
  date: z.string(),
  remarks: z.string().nullish(),
  statement_type: z.string().nullish(),
});
type StatementLine = z.output<typeof StatementLine>;
const PageInfo = z.object({ total_pages: z.number().int().min(0) });
const Statement = z.object({ page_info: PageInfo, transactions: z.array(StatementLine) });
const TransferPage = z.object({ meta: z.object({ page_info: PageInfo }) });

/** By these names money comes and goes that is the bank's own: it funds the wallet, or Flutterwave settles to its bank account. */
const OWN_FUNDS = /fund|top.?up|settlement|payout/i;
const MAX_PAGES = 5_000;

/** Reads Flutterwave's statements. */
export function createFlutterwaveSettlements({
  secretKey,
  url,
}: Pick<FlutterwaveOptions, 'secretKey' | 'url'>): SettlementFeed {
  const connection = connectProvider({ title: 'Flutterwave', url: url ?? FLUTTERWAVE_URL, secretKey });
  return {
    provider: 'flutterwave',
    async readDay(day, { currencies }, signal) {
      const statements = new Map<string, StatementLine[]>();
      for (const currency of currencies) {
        const lines = await readStatement(connection, day, currency, signal);
        if (lines.length > 0) statements.set(currency, lines);
      }
      if (statements.size === 0) return [];
      const transfers = await transfersOf(connection, day, [...statements.values()].flat(), signal);
      return [...statements].map(([currency, lines]) => toReport(day, currency, lines, transfers));
    },
  };
}

/** Oldest first. The day is over, so that nothing is added while the pages are read. */
async function readStatement(
  connection: ProviderConnection,
  day: string,
  currency: string,
  signal: AbortSignal,
): Promise<StatementLine[]> {
  const lines: StatementLine[] = [];
  for (let page = 1; page <= MAX_PAGES; page++) {
    const query = `from=${day}&to=${day}&currency=${currency}&page=${page}`;
    const found = readAnswer(await connection.call('GET', `/v3/wallet/statement?${query}`, signal), Statement);
    if (isRefused(found)) throw new Error(`Flutterwave would not show ${currency} of ${day}: ${found.message}`);
    lines.push(...found.transactions);
    if (page >= found.page_info.total_pages) return inOrder(lines.filter(({ date }) => isOn(day, date)));
  }
  throw new Error(`Flutterwave has more than ${MAX_PAGES} pages of ${currency} of ${day}`);
}

/** Newest first, as Flutterwave lists them, or oldest first: the balances say which. */
function inOrder(lines: StatementLine[]): StatementLine[] {
  const [first, second] = lines;
  if (!first || !second || first.balance_after === second.balance_before) return lines;
  return lines.reverse();
}

/** The transfers behind the lines, by our reference: those made on the day come in pages, earlier ones (that came back) one by one. */
async function transfersOf(
  connection: ProviderConnection,
  day: string,
  lines: readonly StatementLine[],
  signal: AbortSignal,
): Promise<Map<string, Transfer>> {
  const wanted = new Set(lines.flatMap(({ reference }) => keyOf(reference) ?? []));
  const known = new Map<string, Transfer>();
  if (wanted.size === 0) return known;
  for (let page = 1; page <= MAX_PAGES; page++) {
    const answer = await connection.call('GET', `/v3/transfers?from=${day}&to=${day}&page=${page}`, signal);
    const found = readAnswer(answer, z.array(Transfer));
    if (isRefused(found)) throw new Error(`Flutterwave would not show the transfers of ${day}: ${found.message}`);
    for (const transfer of found) known.set(transfer.reference, transfer);
    const pages = TransferPage.safeParse(answer.body).data?.meta.page_info.total_pages ?? 1;
    if (page >= pages) break;
  }
  for (const key of wanted) {
    const transfer = known.get(key) ?? (await findTransfer(connection, key, signal));
    if (!transfer) throw new Error(`Flutterwave has moved money for ${key}, and does not show it`);
    known.set(key, transfer);
  }
  return known;
}

function toReport(
  day: string,
  currency: string,
  statement: readonly StatementLine[],
  transfers: ReadonlyMap<string, Transfer>,
): SettlementReport {
  const seen = new Map<string, number>();
  const nameOf = ({ reference, type, date }: StatementLine): string => {
    const name = `${reference ?? ''}:${type}:${date}`;
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    return times === 1 ? name : `${name}#${times}`;
  };
  return checkReport({
    currency,
    from: day,
    to: day,
    openingMinor: minorOf(statement[0]!.balance_before, currency),
    closingMinor: minorOf(statement.at(-1)!.balance_after, currency),
    lines: statement.flatMap((line) => toLines({ day, id: nameOf(line) }, line, transfers)),
  });
}

function toLines(
  { day, id }: { day: string; id: string },
  line: StatementLine,
  transfers: ReadonlyMap<string, Transfer>,
): SettlementLine[] {
  const { type, amount, currency, remarks, statement_type: about } = line;
  const reference = keyOf(line.reference);
  const transfer = transfers.get(reference ?? '');
  const whole: SettlementLine = {
    id,
    bookedOn: day,
    kind: !transfer && OWN_FUNDS.test(`${about ?? ''} ${remarks ?? ''}`) ? 'OWN_FUNDS' : 'PAYMENT',
    amountMinor: type === 'D' ? -minorOf(amount, currency) : minorOf(amount, currency),
    reference,
    description: remarks ?? '',
  };
  if (!transfer) return [whole];
  return splitCharge(whole, {
    amountMinor: minorOf(transfer.amount, currency),
    chargeMinor: minorOf(transfer.fee ?? 0, currency),
  });
}

function minorOf(value: number, currency: string): bigint {
  const minor = isCurrency(currency) ? fromMajorNumber(value, currency) : null;
  if (minor === null) throw new UnreadableReportError(`Flutterwave writes ${value} ${currency}, which is no amount`);
  return minor;
}

function isOn(day: string, date: string): boolean {
  const { from, to } = boundsOf(day);
  const time = Date.parse(date);
  return time >= from && time < to;
}
