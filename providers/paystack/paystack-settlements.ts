import { z } from 'zod';
import { isCurrency } from '../../platform/money.ts';
import { groupBy } from '../../platform/group-by.ts';
import { keyOf } from '../payout-key.ts';
import { connectProvider, type ProviderConnection } from '../provider-connection.ts';
import { boundsOf, type SettlementFeed } from '../settlement/settlement-feed.ts';
import { splitCharge } from '../settlement/split-charge.ts';
import { checkReport, type SettlementLine, type SettlementReport } from '../settlement/settlement-report.ts';
import { isRefused, readAnswer, Transfer } from './answers.ts';
import { PAYSTACK_URL, type PaystackOptions } from './paystack-payouts.ts';

/*
 * What moved in our balances at Paystack: its balance ledger (GET /balance/ledger), which has a line for every pay-in and pay-out with the balance
 * after it, and the transfers (GET /transfer) that those lines are about, for our references and what Paystack took. Amounts are subunits.
 */

const LedgerLine = z.object({
  id: z.number().int(),
  currency: z.string(),
  /** After this line. */
  balance: z.number().int(),
  difference: z.number().int(),
  reason: z.string().nullish(),
  /** What moved it, for example "Transfer", and its id. */
  model_responsible: z.string().nullish(),
  model_row: z.union([z.number(), z.string()]).nullish(),
  createdAt: z.string(),
});
type LedgerLine = z.output<typeof LedgerLine>;

/** By these names money comes and goes that is the bank's own: it tops the balance up, or Paystack settles to its bank account. */
const OWN_FUNDS = /top.?up|fund|settlement|payout/i;
const PER_PAGE = 100;
const MAX_PAGES = 1_000;

/** Reads Paystack's statements. */
export function createPaystackSettlements({
  secretKey,
  url,
}: Pick<PaystackOptions, 'secretKey' | 'url'>): SettlementFeed {
  const connection = connectProvider({ title: 'Paystack', url: url ?? PAYSTACK_URL, secretKey });
  return {
    provider: 'paystack',
    async readDay(day, _options, signal) {
      const ledger = (await readPages(connection, '/balance/ledger', day, LedgerLine, signal))
        .filter(({ createdAt }) => isOn(day, createdAt))
        .sort((a, b) => a.id - b.id);
      const transfers = await transfersOf(connection, day, ledger, signal);
      return [...groupBy(ledger, ({ currency }) => currency)]
        .filter(([currency]) => isCurrency(currency))
        .map(([currency, lines]) => toReport(day, currency, lines, transfers));
    },
  };
}

/** All pages of a list; the day is over, so that nothing is added while they are read. */
async function readPages<Row extends z.ZodType>(
  connection: ProviderConnection,
  path: string,
  day: string,
  row: Row,
  signal: AbortSignal,
): Promise<z.output<Row>[]> {
  const { from, to } = boundsOf(day);
  const span = `from=${new Date(from).toISOString()}&to=${new Date(to - 1).toISOString()}`;
  const rows: z.output<Row>[] = [];
  for (let page = 1; page <= MAX_PAGES; page++) {
    const query = `${path}?${span}&perPage=${PER_PAGE}&page=${page}`;
    const found = readAnswer(await connection.call('GET', query, signal), z.array(row));
    if (isRefused(found)) throw new Error(`Paystack would not show ${path} of ${day} (${found.code})`);
    rows.push(...found);
    if (found.length < PER_PAGE) return rows;
  }
  throw new Error(`Paystack has more than ${MAX_PAGES} pages of ${path} of ${day}`);
}

/** The transfers behind the lines, by id: those made on the day come in pages, earlier ones (that came back) one by one. */
async function transfersOf(
  connection: ProviderConnection,
  day: string,
  ledger: readonly LedgerLine[],
  signal: AbortSignal,
): Promise<Map<string, Transfer>> {
  const wanted = new Set(ledger.flatMap((line) => transferId(line) ?? []));
  const known = new Map<string, Transfer>();
  if (wanted.size === 0) return known;
  for (const transfer of await readPages(connection, '/transfer', day, Transfer, signal)) {
    known.set(String(transfer.id), transfer);
  }
  for (const id of wanted) {
    if (known.has(id)) continue;
    const transfer = readAnswer(await connection.call('GET', `/transfer/${id}`, signal), Transfer);
    if (isRefused(transfer)) throw new Error(`Paystack would not show transfer ${id} (${transfer.code})`);
    known.set(id, transfer);
  }
  return known;
}

function transferId({ model_responsible: model, model_row: row }: LedgerLine): string | null {
  const id = String(row ?? '');
  return model?.toLowerCase() === 'transfer' && /^\d+$/.test(id) ? id : null;
}

function toReport(
  day: string,
  currency: string,
  ledger: readonly LedgerLine[],
  transfers: ReadonlyMap<string, Transfer>,
): SettlementReport {
  const [first, last] = [ledger[0]!, ledger.at(-1)!];
  return checkReport({
    currency,
    from: day,
    to: day,
    openingMinor: BigInt(first.balance) - BigInt(first.difference),
    closingMinor: BigInt(last.balance),
    lines: ledger.flatMap((line) => toLines(day, line, transfers.get(transferId(line) ?? ''))),
  });
}

function toLines(day: string, line: LedgerLine, transfer: Transfer | undefined): SettlementLine[] {
  const whole: SettlementLine = {
    id: String(line.id),
    bookedOn: day,
    kind: !transfer && OWN_FUNDS.test(line.model_responsible ?? '') ? 'OWN_FUNDS' : 'PAYMENT',
    amountMinor: BigInt(line.difference),
    reference: keyOf(transfer?.reference),
    description: line.reason ?? '',
  };
  if (!transfer) return [whole];
  return splitCharge(whole, { amountMinor: BigInt(transfer.amount), chargeMinor: BigInt(transfer.fee_charged ?? 0) });
}

function isOn(day: string, at: string): boolean {
  const { from, to } = boundsOf(day);
  const time = Date.parse(at);
  return time >= from && time < to;
}
