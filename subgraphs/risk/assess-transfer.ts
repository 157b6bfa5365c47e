import { createHmac } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../../platform/clock.ts';
import { isCurrency } from '../../platform/money.ts';
import type { UserId } from '../../platform/ids.ts';
import { POLICY } from '../../platform/policy.ts';
import type { Assessment, Spending } from '../../platform/questions/assess-transfer.ts';
import type { RatesReader } from '../../platform/rates-projection.ts';
import { valueIn } from '../../platform/rates.ts';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import { countryOfAddress } from './country-of-address.ts';
import { assess } from './domain.ts';
import type { RiskStore } from './store.ts';

/** The purpose of the key that device ids are hashed under. */
const DEVICE_KEY = 'risk-device-id';

/** A customer waits no longer than this for rates that are on their way. */
const RATES_DEADLINE_MS = 1_000;

export interface AssessTransferDeps extends Pick<SubgraphDeps, 'secrets' | 'listenersCaughtUp'> {
  store: RiskStore;
  clock: Clock;
  rates: RatesReader;
}

/** What is read of AssessTransferQuestion, checked because it comes from another process. */
const questionSchema = z.object({
  type: z.enum(['INTERNAL', 'DEPOSIT', 'EXCHANGE', 'WITHDRAWAL', 'EXTERNAL']),
  customerId: z.uuid().transform((id) => id as UserId),
  recipientId: z.uuid().transform((id) => id as UserId),
  amountMinor: z.string().regex(/^[1-9][0-9]{0,37}$/),
  currency: z.string().refine(isCurrency),
  origin: z.object({ ip: z.string().nullable(), deviceId: z.string().nullable() }),
});

/**
 * Answers transfer's question before money moves. Stores nothing: the posting transaction records the assessment, and the
 * evidence in it is what the customer's next transfers are compared with. Throws when the amount cannot be valued, because
 * nothing leaves uncounted.
 */
export async function assessTransfer(deps: AssessTransferDeps, question: unknown): Promise<Assessment> {
  const { type, customerId, recipientId, amountMinor, currency, origin } = questionSchema.parse(question);
  const assessedAt = deps.clock.now().toISOString();
  // Between own accounts and from outside nothing leaves the customer: nothing is counted, compared or remembered.
  if (type === 'DEPOSIT' || type === 'EXCHANGE' || customerId === recipientId) {
    return { score: 0, level: 'LOW', decision: 'ALLOW', factors: [], assessedAt, spending: null, evidence: {} };
  }
  const usdMinor = await valueInUsd(deps, BigInt(amountMinor), currency);
  const country = countryOfAddress(origin.ip);
  const device = origin.deviceId === null ? null : hashDevice(deps, origin.deviceId);
  const history = await deps.store.readHistory({ customerId, recipientId, country, device });
  return {
    ...assess({ usdMinor, country, device }, history),
    assessedAt,
    spending: spendingOf(usdMinor),
    evidence: { usdMinor: usdMinor.toString(), recipientId, country, device },
  };
}

/** US cents at the newest rates, rounded half to even, and at least one: what leaves counts. */
async function valueInUsd(deps: AssessTransferDeps, amountMinor: bigint, currency: string): Promise<bigint> {
  const usdMinor =
    (await tryValue(deps, amountMinor, currency)) ?? (await valueWhenRatesAreThere(deps, amountMinor, currency));
  if (usdMinor === null) throw new Error(`there is no rate for ${currency}`);
  return usdMinor > 0n ? usdMinor : 1n;
}

async function tryValue({ rates }: AssessTransferDeps, amountMinor: bigint, currency: string): Promise<bigint | null> {
  if (currency === 'USD') return amountMinor;
  const newest = await rates.newest();
  return newest && valueIn(amountMinor, currency, 'USD', newest);
}

/** A bank that has just started may be asked before its first rates have come through the log. */
async function valueWhenRatesAreThere(
  deps: AssessTransferDeps,
  amountMinor: bigint,
  currency: string,
): Promise<bigint | null> {
  await deps.listenersCaughtUp(RATES_LISTENER, AbortSignal.timeout(RATES_DEADLINE_MS));
  return tryValue(deps, amountMinor, currency);
}

/** Named by createRatesListener. */
const RATES_LISTENER = 'risk.rates';

/** A stolen table tells no device id, and none can be tried against it without the bank's key. */
function hashDevice({ secrets }: Pick<SubgraphDeps, 'secrets'>, deviceId: string): string {
  return createHmac('sha256', secrets.key(DEVICE_KEY)).update(deviceId).digest('base64url');
}

function spendingOf(usdMinor: bigint): Spending {
  const { dailyUsdMinor, monthlyUsdMinor } = POLICY.limits;
  return {
    usdMinor: usdMinor.toString(),
    bankDailyUsdMinor: dailyUsdMinor.toString(),
    bankMonthlyUsdMinor: monthlyUsdMinor.toString(),
  };
}
