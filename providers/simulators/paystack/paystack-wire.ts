import { createHash, createHmac } from 'node:crypto';
import { z } from 'zod';
import { offerOf } from '../../fee-table.ts';
import { tariffOf } from '../../paystack/offers.ts';
import type { Book, Movement, PayoutRecord, Status } from '../payouts/book.ts';
import { fateOf } from '../payouts/fates.ts';
import type { Wire, WireAnswer, WireRequest } from '../payouts/payout-simulator.ts';

/*
 * Paystack's form (its OpenAPI document, and https://paystack.com/docs/api/transfer): recipients, transfers, the balance and its ledger. Amounts are
 * subunits. There is always enough in the balance, but for the account that says otherwise.
 */

const STATUSES: Readonly<Record<Status, string>> = {
  TAKEN: 'pending',
  PROCESSING: 'pending',
  SUCCEEDED: 'success',
  FAILED: 'failed',
  REVERSED: 'reversed',
};
const CURRENCIES = ['NGN', 'GHS', 'KES', 'ZAR'] as const;
/** What the balance begins with in every currency. */
const BALANCE = 900_000_000_000n;
const FIRST_LEDGER_ID = 149_000_000;
const INTEGRATION = 463_433;

const AskedRecipient = z.object({
  type: z.enum(['nuban', 'ghipss', 'kepss', 'basa', 'mobile_money']),
  name: z.string().min(1),
  account_number: z.string().regex(/^[A-Za-z0-9-]{5,34}$/),
  bank_code: z.string().min(1),
  currency: z.enum(CURRENCIES),
});
const Recipient = AskedRecipient.extend({ id: z.number(), recipient_code: z.string(), createdAt: z.string() });
type Recipient = z.output<typeof Recipient>;

const AskedTransfer = z.object({
  source: z.literal('balance'),
  amount: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
  recipient: z.string(),
  reference: z.string().regex(/^[a-z0-9_-]{16,50}$/),
  currency: z.enum(CURRENCIES).default('NGN'),
  reason: z.string().default(''),
});

/** What Paystack answers, and what it tells on its own with a key as the signature's. */
export function paystackWire(secretKey: string): Wire {
  return {
    title: 'Paystack',
    givesChargeBack: true,
    answer,
    fault: (status, message) => fault(message, status === 401 ? 'invalid_Key' : 'unknown'),
    webhookOf(record) {
      if (record.status === 'TAKEN' || record.status === 'PROCESSING') return null;
      const body = JSON.stringify({ event: `transfer.${STATUSES[record.status]}`, data: show(record) });
      return { id: `${record.id}:${record.status}`, body };
    },
    webhookHeaders: (body) => ({ 'x-paystack-signature': signatureOf(body, secretKey) }),
  };
}

/** The header x-paystack-signature of a body. */
export function signatureOf(body: string, secretKey: string): string {
  return createHmac('sha512', secretKey).update(body).digest('hex');
}

function answer({ method, path, query, json }: WireRequest, book: Book): WireAnswer {
  const [, , reference] = /^\/transfer\/(verify\/)?([\w-]+)$/.exec(path) ?? [];
  switch (`${method} ${reference === undefined ? path : '/transfer/:'}`) {
    case 'POST /transferrecipient':
      return createRecipient(json, book);
    case 'POST /transfer':
      return createTransfer(json, book);
    case 'GET /transfer':
      return listTransfers(query, book);
    case 'GET /transfer/:': {
      const record = path.startsWith('/transfer/verify/')
        ? book.find(reference!)
        : book.list().find(({ id }) => codeOf(id) === reference || String(id) === reference);
      if (!record) return refuse(404, 'Transfer not found', 'transfer_not_found');
      return good('Transfer retrieved', show(record));
    }
    case 'GET /balance':
      return good(
        'Balances retrieved',
        CURRENCIES.map((currency) => ({ currency, balance: Number(balanceOf(currency, book)) })),
      );
    case 'GET /balance/ledger':
      return listLedger(query, book);
    default:
      return refuse(404, 'Invalid endpoint', 'endpoint_not_found');
  }
}

/** The same account is the same recipient, however often it is made. */
function createRecipient(json: unknown, book: Book): WireAnswer {
  const asked = AskedRecipient.safeParse(json);
  if (!asked.success) return refuse(400, z.prettifyError(asked.error).split('\n')[0]!, 'invalid_params');
  const { type, account_number: account, bank_code: bank, currency } = asked.data;
  const fate = fateOf(account);
  if (fate.refusal === 'ACCOUNT') return refuse(400, 'Account number is invalid', 'invalid_account_number');
  const digest = createHash('sha256')
    .update(JSON.stringify([type, account, bank, currency]))
    .digest('hex');
  const code = `RCP_${digest.slice(0, 15)}`;
  const known = Recipient.safeParse(book.noted(code)).data;
  const recipient: Recipient = known ?? {
    ...asked.data,
    id: Number.parseInt(digest.slice(0, 7), 16),
    recipient_code: code,
    createdAt: new Date().toISOString(),
  };
  if (!known) book.note(code, recipient);
  return { ...good('Transfer recipient created successfully', showRecipient(recipient)), status: 201 };
}

function createTransfer(json: unknown, book: Book): WireAnswer {
  const asked = AskedTransfer.safeParse(json);
  if (!asked.success) return refuse(400, z.prettifyError(asked.error).split('\n')[0]!, 'invalid_params');
  const { amount, reference, currency, reason } = asked.data;
  const recipient = Recipient.safeParse(book.noted(asked.data.recipient)).data;
  if (recipient?.currency !== currency) return refuse(400, 'Recipient specified is invalid', 'invalid_recipient');
  if (book.find(reference)) {
    const message = 'Please provide a unique reference. Reference already exists on a transfer';
    return refuse(400, message, 'duplicate_transfer_reference');
  }
  const fate = fateOf(recipient.account_number);
  if (fate.refusal !== null) {
    return refuse(400, 'Your balance is not enough to fulfil this request', 'insufficient_balance');
  }
  const kind = recipient.type === 'mobile_money' ? 'MOBILE_MONEY' : 'BANK_ACCOUNT';
  const offer = offerOf(tariffOf(kind, currency), BigInt(amount));
  if (!offer) return refuse(400, 'Transfer amount is above the limit', 'transfer_limit_exceeded');
  const record = book.take({
    reference,
    amountMinor: String(amount),
    feeMinor: offer.providerFeeMinor.toString(),
    currency,
    fields: { reason, recipient },
    steps: fate.steps,
  });
  const body = good('Transfer has been queued', { ...show(record), recipient: recipient.id }).body;
  return { status: 200, body, instead: fate.answer === 'WELL' ? undefined : fate.answer };
}

function balanceOf(currency: string, book: Book): bigint {
  const last = book.movements().findLast((movement) => movement.currency === currency);
  return BALANCE + (last?.balanceMinor ?? 0n);
}

/** Newest first: what Paystack says that it paid, for whoever compares. */
function listTransfers(query: URLSearchParams, book: Book): WireAnswer {
  const status = query.get('status');
  const found = book
    .list()
    .filter(({ createdAt }) => isWithin(query, createdAt))
    .filter((record) => status === null || STATUSES[record.status] === status);
  return pageOf(query, 'Transfers retrieved', found.map(show));
}

/** Newest first: what moved in the balance, each with the balance after it. */
function listLedger(query: URLSearchParams, book: Book): WireAnswer {
  const found = book.movements().filter(({ at }) => isWithin(query, at));
  return pageOf(query, 'Balance ledger retrieved', found.map(showMovement).reverse());
}

function showMovement({ place, at, currency, amountMinor, balanceMinor, record }: Movement) {
  const time = new Date(at).toISOString();
  return {
    integration: INTEGRATION,
    domain: 'test',
    balance: Number(BALANCE + balanceMinor),
    currency,
    difference: Number(amountMinor),
    reason: record ? String(record.fields['reason']) : 'Balance top up',
    model_responsible: record ? 'Transfer' : 'Topup',
    model_row: record ? record.id : place,
    id: FIRST_LEDGER_ID + place,
    createdAt: time,
    updatedAt: time,
  };
}

function isWithin(query: URLSearchParams, at: number): boolean {
  return at >= (Date.parse(query.get('from') ?? '') || 0) && at <= (Date.parse(query.get('to') ?? '') || Infinity);
}

const MAX_PAGE = 100;

/** As far as asked for. */
function pageOf(query: URLSearchParams, message: string, found: readonly object[]): WireAnswer {
  const perPage = Math.min(countOf(query.get('perPage') ?? query.get('per_page'), 50), MAX_PAGE);
  const page = countOf(query.get('page'), 1);
  const skipped = (page - 1) * perPage;
  const meta = { total: found.length, skipped, perPage, page, pageCount: Math.ceil(found.length / perPage) };
  return { status: 200, body: { status: true, message, data: found.slice(skipped, skipped + perPage), meta } };
}

function countOf(text: string | null, usual: number): number {
  return text !== null && /^[1-9]\d{0,6}$/.test(text) ? Number(text) : usual;
}

function codeOf(id: number): string {
  return `TRF_${createHash('sha256').update(String(id)).digest('hex').slice(0, 16)}`;
}

function show({
  id,
  reference,
  amountMinor,
  feeMinor,
  currency,
  status,
  reason,
  createdAt,
  updatedAt,
  fields,
}: PayoutRecord) {
  return {
    amount: Number(amountMinor),
    createdAt: new Date(createdAt).toISOString(),
    currency,
    domain: 'test',
    failures: null,
    id,
    integration: INTEGRATION,
    reason: fields['reason'],
    reference,
    source: 'balance',
    source_details: null,
    status: STATUSES[status],
    titan_code: null,
    transfer_code: codeOf(id),
    transferred_at: status === 'SUCCEEDED' ? new Date(updatedAt).toISOString() : null,
    updatedAt: new Date(updatedAt).toISOString(),
    recipient: showRecipient(Recipient.parse(fields['recipient'])),
    session: { provider: null, id: null },
    fee_charged: Number(feeMinor),
    fees_breakdown: null,
    gateway_response: reason,
  };
}

function showRecipient({ account_number, bank_code, name, createdAt, ...recipient }: Recipient) {
  return {
    active: true,
    createdAt,
    currency: recipient.currency,
    description: null,
    domain: 'test',
    email: null,
    id: recipient.id,
    integration: INTEGRATION,
    metadata: null,
    name,
    recipient_code: recipient.recipient_code,
    type: recipient.type,
    updatedAt: createdAt,
    is_deleted: false,
    isDeleted: false,
    details: {
      authorization_code: null,
      account_number,
      account_name: name,
      bank_code,
      bank_name: bank_code,
    },
  };
}

function good(message: string, data: object): WireAnswer {
  return { status: 200, body: { status: true, message, data } };
}

function refuse(status: number, message: string, code: string): WireAnswer {
  return { status, body: fault(message, code) };
}

function fault(message: string, code: string): object {
  return { status: false, message, type: 'validation_error', code };
}
