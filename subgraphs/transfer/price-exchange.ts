import type { SystemAccounts } from '../../ledger/system-accounts.ts';
import type { Money } from '../../platform/money.ts';
import { POLICY } from '../../platform/policy.ts';
import type { RatesReader } from '../../platform/rates-projection.ts';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import { caughtUp } from './caught-up.ts';
import { exchangeAccounts, exchangeLegs, planExchange, type ExchangePlan } from './plan-exchange.ts';
import { refuse } from './refusals.ts';
import type { PlannedEnd, PlannedTransfer } from './transfer-batch.ts';

export type PriceExchangeDeps = Pick<SubgraphDeps, 'listenersCaughtUp' | 'log'> & {
  rates: RatesReader;
  systemAccount: SystemAccounts;
};

/** The listener that keeps this subgraph's rates. */
const RATES_LISTENER = 'transfer.rates';

/** Longer than the projection is ever behind while it runs. */
const CATCH_UP_MS = 1_000;

/**
 * Prices an exchange at the newest recorded rates less the bank's spread: what arrives, at which rate, by which postings. Refuses
 * EXCHANGE_TOO_SMALL, and RATE_UNAVAILABLE while one of the two currencies has no rate.
 */
export async function priceExchange(
  deps: PriceExchangeDeps,
  { amount, to, source, destination }: { amount: Money; to: string; source: PlannedEnd; destination: PlannedEnd },
  signal: AbortSignal,
): Promise<Pick<PlannedTransfer, 'destinationAmount' | 'exchange' | 'legs'>> {
  let plan = await planAtNewestRates(deps, amount, to);
  if (!plan && (await caughtUp(deps, RATES_LISTENER, { signal, withinMs: CATCH_UP_MS }))) {
    plan = await planAtNewestRates(deps, amount, to);
  }
  if (!plan) throw refuse('RATE_UNAVAILABLE');
  const bank = await Promise.all(
    exchangeAccounts(amount.currency, to).map(({ kind, currency }) => deps.systemAccount(kind, currency)),
  );
  return {
    destinationAmount: { amountMinor: plan.arrivesMinor, currency: to },
    exchange: { rate: plan.rate, rateDate: plan.rateDate },
    legs: exchangeLegs(amount, to, plan, { source, destination }, bank),
  };
}

async function planAtNewestRates(
  { rates }: PriceExchangeDeps,
  amount: Money,
  to: string,
): Promise<ExchangePlan | null> {
  const newest = await rates.newest();
  return newest && planExchange(amount, to, newest, POLICY.exchangeSpreadBasisPoints);
}
