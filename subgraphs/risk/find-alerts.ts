import { POLICY } from '../../platform/policy.ts';
import type { EventPayloads } from '../../platform/events.ts';
import { formatAmount } from '../../platform/money.ts';
import type { RiskFactor, RiskLevel } from '../../platform/questions/assess-transfer.ts';
import { levelOf } from './domain.ts';
import type { AppliedLimit } from './limits.ts';

/** What a customer can be told of; the graph's RiskAlert.type. */
export type AlertType = 'UNUSUAL_AMOUNT' | 'HIGH_VELOCITY' | 'NEW_COUNTRY' | 'NEW_DEVICE' | 'LIMIT_NEAR';

/** An alert to be raised. */
export interface FoundAlert {
  type: AlertType;
  severity: RiskLevel;
  message: string;
}

type Transfer = Pick<EventPayloads['TransferCompleted'], 'amountMinor' | 'currency'>;

/** Which factors are told, and in which words. Behaviour is not: a first payment to somebody is no news to who made it. */
const TOLD: Partial<Record<RiskFactor['name'], { type: AlertType; message: (transfer: Transfer) => string }>> = {
  amount: {
    type: 'UNUSUAL_AMOUNT',
    message: ({ amountMinor, currency }) =>
      `A transfer of ${formatAmount(BigInt(amountMinor), currency)} ${currency} is larger than most of your earlier ones.`,
  },
  velocity: { type: 'HIGH_VELOCITY', message: () => 'You have made more transfers in a short time than usual.' },
  geography: {
    type: 'NEW_COUNTRY',
    message: () => 'A transfer was made from a country you have not made transfers from before.',
  },
  device: {
    type: 'NEW_DEVICE',
    message: () => 'A transfer was made from a device you have not made transfers from before.',
  },
};

const { leastScore, limitNearPercent, quietHours } = POLICY.risk.alerts;

/** What a posted transfer's customer should know of it; `limits` are those that apply after it. */
export function findAlerts(
  transfer: Transfer,
  factors: readonly Pick<RiskFactor, 'name' | 'score'>[],
  limits: readonly AppliedLimit[],
): FoundAlert[] {
  const ofFactors = factors.flatMap(({ name, score }) => {
    const told = TOLD[name];
    if (!told || score < leastScore) return [];
    return [{ type: told.type, severity: levelOf(score), message: told.message(transfer) }];
  });
  const near = limits.flatMap(nearLimit);
  return near[0] ? [...ofFactors, near[0]] : ofFactors;
}

/** The total is looked at first, and a day before a month: one alert says enough. */
function nearLimit(limit: AppliedLimit): FoundAlert[] {
  const { currency, dailyMinor, monthlyMinor, spentTodayMinor, spentThisMonthMinor } = limit;
  const spans = [
    { span: 'day', spent: spentTodayMinor, of: dailyMinor },
    { span: 'month', spent: spentThisMonthMinor, of: monthlyMinor },
  ];
  return spans
    .filter(({ spent, of }) => spent * 100n >= of * limitNearPercent)
    .map(({ span, of }) => ({
      type: 'LIMIT_NEAR',
      severity: 'LOW',
      message: `${limitNearPercent} % or more of your limit of ${formatAmount(of, currency)} ${currency} for this ${span} is used.`,
    }));
}

const HOUR_MS = 3_600_000;

/** That a customer was told of something. */
export interface Told {
  userId: string;
  type: AlertType;
  atMs: number;
}

/** Leaves out what a customer has been told of within the quiet hours before or after, also by an earlier one of the same list. */
export function onceInAWhile<Alert extends { userId: string; type: AlertType; createdAt: string }>(
  alerts: readonly Alert[],
  told: readonly Told[],
): Alert[] {
  const known = [...told];
  return alerts.filter(({ userId, type, createdAt }) => {
    const atMs = Date.parse(createdAt);
    const quietMs = (type === 'LIMIT_NEAR' ? quietHours.limit : quietHours.factor) * HOUR_MS;
    const lately = known.some(
      (one) => one.userId === userId && one.type === type && Math.abs(one.atMs - atMs) < quietMs,
    );
    if (!lately) known.push({ userId, type, atMs });
    return !lately;
  });
}
