import type Stripe from 'stripe';
import { groupBy } from '../../platform/group-by.ts';
import { keyOf } from '../payout-key.ts';
import { boundsOf, type SettlementFeed } from '../settlement/settlement-feed.ts';
import {
  checkReport,
  UnreadableReportError,
  type SettlementLine,
  type SettlementReport,
} from '../settlement/settlement-report.ts';
import { connectStripe, type StripeOptions } from './connect-stripe.ts';
import { fromStripeAmount } from './stripe-amount.ts';
import { callStripe, TRANSFER_ID, unknownOutcome } from './stripe-call.ts';

/*
 * What moved in our balance at Stripe: its balance transactions, each with what Stripe took for itself, and with its source (a charge, a payout), whose
 * metadata names the transfer. Stripe tells the balance of now alone: that of the end of a day is worked out from what came since.
 */

const PAGE_SIZE = 100;
const MAX_PAGES = 2_000;
/** While something moves between two looks at the balance it is looked at again. */
const LOOKS = 5;

/** Money that the bank itself puts in or takes out; a payout is that only when no transfer of ours stands on it. */
const OWN_FUNDS = new Set(['topup', 'topup_reversal', 'payout', 'payout_failure', 'payout_cancel']);
/** What Stripe takes beside payments. */
const CHARGES = new Set(['stripe_fee', 'stripe_fx_fee', 'tax_fee', 'network_cost', 'application_fee']);

/** Reads Stripe's balance transactions. */
export function createStripeSettlements(options: StripeOptions): SettlementFeed {
  const stripe = connectStripe(options);
  return {
    provider: 'stripe',
    async readDay(day, { currencies }, signal) {
      try {
        const { transactions, balances } = await readSince(stripe, day, signal);
        const byCurrency = groupBy(transactions, ({ currency }) => currency.toUpperCase());
        const names = new Set([
          ...byCurrency.keys(),
          ...[...balances.keys()].filter((name) => currencies.includes(name)),
        ]);
        return [...names].map((currency) =>
          toReport(day, currency, byCurrency.get(currency) ?? [], balances.get(currency) ?? null),
        );
      } catch (error) {
        if (error instanceof UnreadableReportError) throw error;
        throw unknownOutcome(error);
      }
    },
  };
}

interface Since {
  /** From the beginning of the day until now, oldest first. */
  transactions: Stripe.BalanceTransaction[];
  /** Of now, available and pending, by currency; none where they would not keep still. */
  balances: Map<string, number>;
}

async function readSince(stripe: Stripe, day: string, signal: AbortSignal): Promise<Since> {
  let before = await readBalances(stripe, signal);
  for (let look = 0; ; look++) {
    const transactions = await listSince(stripe, day, signal);
    const after = await readBalances(stripe, signal);
    const isStill = [...after].every(([currency, amount]) => before.get(currency) === amount);
    if (isStill || look === LOOKS) return { transactions, balances: isStill ? after : new Map<string, number>() };
    before = after;
  }
}

async function readBalances(stripe: Stripe, signal: AbortSignal): Promise<Map<string, number>> {
  const { available, pending } = await callStripe(() => stripe.balance.retrieve(), signal);
  const balances = new Map<string, number>();
  for (const { amount, currency } of [...available, ...pending]) {
    const name = currency.toUpperCase();
    balances.set(name, (balances.get(name) ?? 0) + amount);
  }
  return balances;
}

/** Newest first on the wire: what is added meanwhile stands before the first page, and moves nothing past the last. */
async function listSince(stripe: Stripe, day: string, signal: AbortSignal): Promise<Stripe.BalanceTransaction[]> {
  const created = { gte: boundsOf(day).from / 1000 };
  const found: Stripe.BalanceTransaction[] = [];
  for (let page = 0; page < MAX_PAGES; page++) {
    const after = found.at(-1)?.id;
    const { data, has_more: more } = await callStripe(
      () =>
        stripe.balanceTransactions.list({
          created,
          limit: PAGE_SIZE,
          expand: ['data.source'],
          ...(after !== undefined && { starting_after: after }),
        }),
      signal,
    );
    found.push(...data);
    if (!more) return found.reverse();
  }
  throw new UnreadableReportError(`there are more balance transactions since ${day} than are looked through`);
}

function toReport(
  day: string,
  currency: string,
  transactions: readonly Stripe.BalanceTransaction[],
  balanceNow: number | null,
): SettlementReport {
  const end = boundsOf(day).to / 1000;
  const ofDay = transactions.filter(({ created }) => created < end);
  const sumOf = (some: readonly Stripe.BalanceTransaction[]) => some.reduce((total, { net }) => total + net, 0);
  const closing = balanceNow === null ? null : balanceNow - sumOf(transactions.filter(({ created }) => created >= end));
  return checkReport({
    currency,
    from: day,
    to: day,
    openingMinor: closing === null ? null : minorOf(closing - sumOf(ofDay), currency),
    closingMinor: closing === null ? null : minorOf(closing, currency),
    lines: ofDay.flatMap((transaction) => toLines(day, currency, transaction)),
  });
}

function toLines(day: string, currency: string, transaction: Stripe.BalanceTransaction): SettlementLine[] {
  const { id, amount, fee, type, description } = transaction;
  const reference = referenceOf(transaction.source);
  const line = {
    id,
    bookedOn: day,
    reference,
    description: description ?? type,
    amountMinor: minorOf(amount, currency),
  };
  if (CHARGES.has(type)) return [{ ...line, kind: 'CHARGE' }];
  if (reference === null && OWN_FUNDS.has(type) && fee === 0) return [{ ...line, kind: 'OWN_FUNDS' }];
  return [
    { ...line, kind: 'PAYMENT' },
    { ...line, id: `${id}+charge`, kind: 'CHARGE', amountMinor: -minorOf(fee, currency) },
  ];
}

/** Our key: the transfer that the charge or the payout was made for. */
function referenceOf(source: Stripe.BalanceTransaction['source']): string | null {
  if (source === null || typeof source === 'string' || !('metadata' in source)) return null;
  return keyOf(source.metadata?.[TRANSFER_ID]?.replaceAll('-', ''));
}

function minorOf(amount: number, currency: string): bigint {
  const minor = fromStripeAmount(amount, currency);
  if (minor === null)
    throw new UnreadableReportError(`Stripe writes ${amount} in ${currency}, which the bank cannot count`);
  return minor;
}
