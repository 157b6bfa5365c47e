import type { SystemAccounts } from '../../ledger/system-accounts.ts';
import { dayOf, daysBetween } from '../../platform/days.ts';
import type { Money } from '../../platform/money.ts';
import { POLICY } from '../../platform/policy.ts';
import { crossRate } from '../../platform/rates.ts';
import type { RatesReader } from '../../platform/rates-projection.ts';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import { caughtUp } from './caught-up.ts';
import { exchangeAccounts, exchangeLegs, planExchange, writeRateDown, type ExchangePlan } from './plan-exchange.ts';
import type { QuotedExchange } from './quotes/quote.ts';
import { refuse } from './refusals.ts';
import type { PlannedEnd, PlannedTransfer } from './transfer-batch.ts';

export type PriceExchangeDeps = Pick<SubgraphDeps, 'clock' | 'listenersCaughtUp' | 'log'> & {
  rates: RatesReader;
  systemAccount: SystemAccounts;
  /** Rates older than so many days change no money; null: of any age. */
  exchangeMaxAgeDays: number | null;
};

/** The listener that keeps this subgraph's rates. */
const RATES_LISTENER = 'transfer.rates';

/** Longer than the projection is ever behind while it runs. */
const CATCH_UP_MS = 1_000;

/**
 * Prices an exchange at the newest recorded rates less the bank's spread: what arrives, at which rate. Refuses EXCHANGE_TOO_SMALL, and
 * RATE_UNAVAILABLE while the newest day has no rate of one of the two currencies or is too old: whoever knows today's market
 * would change money at last week's price.
 */
export async function priceExchange(
  deps: PriceExchangeDeps,
  { amount, to }: { amount: Money; to: string },
  signal: AbortSignal,
): Promise<QuotedExchange> {
  let plan = await planAtNewestRates(deps, amount, to);
  if (!plan && (await caughtUp(deps, RATES_LISTENER, { signal, withinMs: CATCH_UP_MS }))) {
    plan = await planAtNewestRates(deps, amount, to);
  }
  if (!plan) throw refuse('RATE_UNAVAILABLE');
  return plan;
}

async function planAtNewestRates(
  { rates, clock, exchangeMaxAgeDays }: PriceExchangeDeps,
  amount: Money,
  to: string,
): Promise<QuotedExchange | null> {
  const newest = await rates.newestDay();
  if (!newest) return null;
  const ageDays = daysBetween(newest.date, dayOf(clock.now()));
  if (exchangeMaxAgeDays !== null && ageDays > exchangeMaxAgeDays) return null;
  const spreadBasisPoints = POLICY.exchangeSpreadBasisPoints;
  const plan = planExchange(amount, to, newest, spreadBasisPoints);
  // There is a plan only where there is a rate.
  return plan && { ...plan, midRate: writeRateDown(crossRate(newest, amount.currency, to)!), spreadBasisPoints };
}

/** What an exchange at these terms is posted as. The terms are of just now, or those of a quote. */
export async function settleExchange(
  { systemAccount }: Pick<PriceExchangeDeps, 'systemAccount'>,
  { amount, to, source, destination }: { amount: Money; to: string; source: PlannedEnd; destination: PlannedEnd },
  terms: ExchangePlan,
): Promise<Pick<PlannedTransfer, 'destinationAmount' | 'exchange' | 'legs'>> {
  const bank = await Promise.all(
    exchangeAccounts(amount.currency, to).map(({ kind, currency }) => systemAccount(kind, currency)),
  );
  return {
    destinationAmount: { amountMinor: terms.arrivesMinor, currency: to },
    exchange: { rate: terms.rate, rateDate: terms.rateDate },
    legs: exchangeLegs(amount, to, terms, { source, destination }, bank),
  };
}
