import { z } from 'zod';
import { formatAmount, isCurrency } from '../../../platform/money.ts';
import { offerOf } from '../../fee-table.ts';
import { tariffOf } from '../../flutterwave/offers.ts';
import { fromMajorNumber } from '../../major-units.ts';
import type { PayoutKind } from '../../payout-provider.ts';
import type { Book, Movement, PayoutRecord, Status } from '../payouts/book.ts';
import { fateOf } from '../payouts/fates.ts';
import type { Wire, WireAnswer, WireRequest } from '../payouts/payout-simulator.ts';

/*
 * Flutterwave's form, version 3 (https://developer.flutterwave.com/v3.0/reference): transfers, balances and the wallet's
 * statement. Amounts are numbers in major units. There is always enough in every wallet, but for the account that says
 * otherwise. REVERSED is no word of v3's documents, which do not say how money comes back.
 */

const STATUSES: Readonly<Record<Status, string>> = {
  TAKEN: 'NEW',
  PROCESSING: 'PENDING',
  SUCCEEDED: 'SUCCESSFUL',
  FAILED: 'FAILED',
  REVERSED: 'REVERSED',
};
const MESSAGES: Readonly<Partial<Record<Status, string>>> = { SUCCEEDED: 'Transaction was successful' };
const REFUSALS = {
  BALANCE: 'Insufficient funds in customer wallet',
  ACCOUNT: 'Sorry, recipient account could not be resolved. Invalid account',
};
const CURRENCIES = ['NGN', 'KES', 'GHS', 'UGX', 'XOF', 'EUR', 'GBP', 'USD'] as const;
/** What every wallet begins with, in minor units. */
const BALANCE = 900_000_000_000n;
/** By these codes of account_bank an account is one of mobile money. */
const NETWORKS = new Set(['MPS', 'MTN', 'VODAFONE', 'TIGO', 'AIRTEL', 'FMM', 'ORANGEMONEY', 'WAVE', 'FREEMONEY', 'EMONEY']); // prettier-ignore

const AskedTransfer = z.object({
  account_bank: z.string().min(1).optional(),
  account_number: z.string().min(5).max(34).optional(),
  amount: z.number().positive(),
  currency: z.enum(CURRENCIES),
  debit_currency: z.string().optional(),
  reference: z.string().regex(/^[\w-]{1,100}$/),
  narration: z.string().default(''),
  beneficiary_name: z.string().min(1),
  meta: z.array(z.record(z.string(), z.unknown())).default([]),
});
type AskedTransfer = z.output<typeof AskedTransfer>;

/** What Flutterwave answers, and what it tells on its own with a secret hash. */
export function flutterwaveWire(secretHash: string): Wire {
  return {
    title: 'Flutterwave',
    givesChargeBack: false,
    answer,
    fault: (_status, message) => fault(message),
    webhookOf(record) {
      if (record.status === 'TAKEN' || record.status === 'PROCESSING') return null;
      const { full_name: fullname, ...data } = show(record);
      const event = { event: 'transfer.completed', 'event.type': 'Transfer', data: { ...data, fullname } };
      return { id: `${record.id}:${record.status}`, body: JSON.stringify(event) };
    },
    webhookHeaders: () => ({ 'verif-hash': secretHash }),
  };
}

function answer({ method, path, query, json }: WireRequest, book: Book): WireAnswer {
  const [, id] = /^\/v3\/transfers\/(\d+)$/.exec(path) ?? [];
  switch (`${method} ${id === undefined ? path : '/v3/transfers/:'}`) {
    case 'POST /v3/transfers':
      return createTransfer(json, book);
    case 'GET /v3/transfers':
      return listTransfers(query, book);
    case 'GET /v3/transfers/:': {
      const record = book.list().find((each) => String(each.id) === id);
      return record ? good('Transfer fetched', show(record)) : refuse(404, 'Transfer not found');
    }
    case 'GET /v3/balances':
      return good(
        'Wallet balances fetched',
        CURRENCIES.map((currency) => {
          const last = book.movements().findLast((movement) => movement.currency === currency);
          const balance = toNumber(BALANCE + (last?.balanceMinor ?? 0n), currency);
          return { currency, available_balance: balance, ledger_balance: balance };
        }),
      );
    case 'GET /v3/wallet/statement':
      return showStatement(query, book);
    default:
      return refuse(404, 'Not found');
  }
}

function createTransfer(json: unknown, book: Book): WireAnswer {
  const asked = AskedTransfer.safeParse(json);
  if (!asked.success) return refuse(400, z.prettifyError(asked.error).split('\n')[0]!);
  const { amount, currency, reference } = asked.data;
  const amountMinor = fromMajorNumber(amount, currency);
  if (amountMinor === null) return refuse(400, 'amount has too many decimals');
  const account = accountOf(asked.data);
  if (!account) return refuse(400, 'account_number is required');
  if (book.find(reference)) return refuse(400, 'Transfer with this reference already exists');
  const fate = fateOf(account.number);
  if (fate.refusal !== null) return refuse(400, REFUSALS[fate.refusal]);
  const offer = offerOf(tariffOf(account.kind, currency), amountMinor);
  if (!offer) return refuse(400, 'The amount or the currency is not supported for this destination');
  const record = book.take({
    reference,
    amountMinor: amountMinor.toString(),
    feeMinor: offer.providerFeeMinor.toString(),
    currency,
    fields: asked.data,
    steps: fate.steps,
  });
  const { body } = good('Transfer Queued Successfully', show(record));
  return { status: 200, body, instead: fate.answer === 'WELL' ? undefined : fate.answer };
}

/** Where the money goes: international accounts stand in `meta`, all others beside the amount. */
function accountOf({ account_bank: bank, account_number: number, currency, meta }: AskedTransfer) {
  if (bank !== undefined && number !== undefined) {
    const kind: PayoutKind = NETWORKS.has(bank) ? 'MOBILE_MONEY' : 'BANK_ACCOUNT';
    return { number, kind };
  }
  const foreign = meta[0]?.['account_number'];
  if (!['EUR', 'GBP', 'USD'].includes(currency) || typeof foreign !== 'string') return null;
  return { number: foreign, kind: 'IBAN' as const };
}

const PAGE = 20;

/** Newest first, as far as asked for: what Flutterwave says it paid, for whoever compares. */
function listTransfers(query: URLSearchParams, book: Book): WireAnswer {
  const reference = query.get('reference');
  const status = query.get('status')?.toUpperCase();
  const found = book
    .list()
    .filter((record) => reference === null || record.reference === reference)
    .filter((record) => status === undefined || STATUSES[record.status] === status)
    .filter(({ createdAt }) => isWithin(query, createdAt));
  const { page_info, rows } = pageOf(query, found);
  return {
    status: 200,
    body: { status: 'success', message: 'Transfers fetched', meta: { page_info }, data: rows.map(show) },
  };
}

/** Newest first: what moved in one wallet. A transfer and what was taken for it leave together. */
function showStatement(query: URLSearchParams, book: Book): WireAnswer {
  const currency = query.get('currency') ?? 'NGN';
  const found = book
    .movements()
    .filter((movement) => movement.currency === currency && isWithin(query, movement.at))
    .reverse();
  const { page_info, rows } = pageOf(query, found);
  return good('Wallet statement fetched', { page_info, transactions: rows.map(showMovement) });
}

function showMovement({ place, at, currency, amountMinor, balanceMinor, record }: Movement) {
  const size = toNumber(amountMinor < 0n ? -amountMinor : amountMinor, currency);
  return {
    type: amountMinor < 0n ? 'D' : 'C',
    amount: size,
    currency,
    balance_before: toNumber(BALANCE + balanceMinor - amountMinor, currency),
    balance_after: toNumber(BALANCE + balanceMinor, currency),
    reference: record ? record.reference : `FUND-${place}`,
    date: new Date(at).toISOString(),
    remarks: record ? `Transfer ${amountMinor < 0n ? 'to' : 'reversal of'} ${record.id}` : 'Wallet funding',
    sent_currency: currency,
    rate_used: 1,
    sent_amount: size,
    statement_type: record ? 'transfer' : 'wallet_funding',
  };
}

/** Days are whole: `to` is counted. */
function isWithin(query: URLSearchParams, at: number): boolean {
  const to = query.get('to') ?? '';
  const end = (Date.parse(to) || Infinity) + (/^\d{4}-\d{2}-\d{2}$/.test(to) ? 86_400_000 - 1 : 0);
  return at >= (Date.parse(query.get('from') ?? '') || 0) && at <= end;
}

function pageOf<Row>(query: URLSearchParams, found: readonly Row[]) {
  const page = /^[1-9]\d{0,6}$/.test(query.get('page') ?? '') ? Number(query.get('page')) : 1;
  return {
    page_info: { total: found.length, current_page: page, total_pages: Math.ceil(found.length / PAGE) },
    rows: found.slice((page - 1) * PAGE, page * PAGE),
  };
}

function show({ id, reference, amountMinor, feeMinor, currency, status, reason, createdAt, fields }: PayoutRecord) {
  const { account_bank, account_number, beneficiary_name, narration, meta } = fields as unknown as AskedTransfer;
  return {
    id,
    account_number: account_number ?? 'FOREIGN-ACCOUNT',
    bank_code: account_bank ?? 'FOREIGN-BANK',
    full_name: beneficiary_name,
    created_at: new Date(createdAt).toISOString(),
    currency,
    debit_currency: currency,
    amount: toNumber(BigInt(amountMinor), currency),
    fee: toNumber(BigInt(feeMinor), currency),
    status: STATUSES[status],
    reference,
    meta,
    narration,
    approver: null,
    complete_message: reason ?? MESSAGES[status] ?? '',
    requires_approval: 0,
    is_approved: 1,
    bank_name: account_bank ?? 'FOREIGN-BANK',
  };
}

function toNumber(minor: bigint, currency: string): number {
  return isCurrency(currency) ? Number(formatAmount(minor, currency)) : Number(minor);
}

function good(message: string, data: object): WireAnswer {
  return { status: 200, body: { status: 'success', message, data } };
}

function refuse(status: number, message: string): WireAnswer {
  return { status, body: fault(message) };
}

function fault(message: string): object {
  return { status: 'error', message, data: null };
}
