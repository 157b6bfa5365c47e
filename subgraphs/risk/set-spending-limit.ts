import type { Pool } from 'pg';
import { setSpendingLimit as setLedgerLimit } from '../../ledger/limits.ts';
import { parseAmount, type AmountRefusal } from '../../platform/money.ts';
import { POLICY } from '../../platform/policy.ts';
import { Refusal } from '../../platform/refusal.ts';
import type { RatesReader } from '../../platform/rates-projection.ts';
import { valueIn } from '../../platform/rates.ts';
import type { Viewer } from '../../platform/viewer.ts';
import type { SetSpendingLimitInput } from './generated/resolvers.ts';
import { refuse } from './refusals.ts';

export interface SetSpendingLimitDeps {
  pool: Pool;
  rates: RatesReader;
}

/**
 * Sets the viewer's own limits: in USD over all accounts together, in any other currency for what leaves in it. It holds from
 * the next posting on, under the lock that postings take. Refuses what is more than the bank's own limit, which would have
 * no effect, in the other currency at the newest rates.
 */
export async function setSpendingLimit(
  { pool, rates }: SetSpendingLimitDeps,
  { userId }: Viewer,
  { currency, daily, monthly }: SetSpendingLimitInput,
): Promise<void> {
  const dailyMinor = parseLimit(daily, currency, 'daily');
  const monthlyMinor = parseLimit(monthly, currency, 'monthly');
  if (monthlyMinor < dailyMinor) throw refuse('INVALID_LIMIT', ['monthly']);
  const usd = await usdValues(rates, currency, [dailyMinor, monthlyMinor]);
  const bank = [POLICY.limits.dailyUsdMinor, POLICY.limits.monthlyUsdMinor];
  const above = usd.findIndex((usdMinor, index) => usdMinor > bank[index]!);
  if (above !== -1) throw refuse('LIMIT_ABOVE_BANK', [above === 0 ? 'daily' : 'monthly']);
  const scope = currency === 'USD' ? 'TOTAL' : currency;
  await setLedgerLimit(pool, { ownerId: userId, scope, dailyMinor, monthlyMinor });
}

/** An amount as everywhere, with the name of this field where it is the amount that is wrong. */
function parseLimit(text: string, currency: string, field: string): bigint {
  try {
    return parseAmount(text, currency);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    // parseAmount refuses with nothing else.
    const { code, field: place } = error as Refusal<AmountRefusal>;
    throw refuse(code, place?.[0] === 'amount' ? [field] : place);
  }
}

async function usdValues(rates: RatesReader, currency: string, amounts: readonly bigint[]): Promise<bigint[]> {
  if (currency === 'USD') return [...amounts];
  const newest = await rates.newest();
  return amounts.map((amountMinor) => {
    const usdMinor = newest && valueIn(amountMinor, currency, 'USD', newest);
    if (usdMinor === null) throw refuse('RATE_UNAVAILABLE', ['currency']);
    return usdMinor;
  });
}
