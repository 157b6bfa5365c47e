import type { Assessment, RiskFactor, RiskLevel } from '../../platform/questions/assess-transfer.ts';
import { shares } from '../../platform/ratio.ts';

/*
 * How a transfer is scored. Each factor compares it with the customer's own history and scores 0 to 100; a factor with too
 * little history is unknown and drops out, and the others share its weight. What is not known is never a constant.
 */

/** What the customer has sent to others so far. */
export interface History {
  /** Earlier transfers in the currency of the new one that were looked at. */
  earlierInCurrency: number;
  /** The largest of those; null when there is none. */
  largestMinor: bigint | null;
  /** Transfers in any currency within the last 24 hours. */
  lastDay: number;
  /** Transfers in any currency within the 30 days before those 24 hours. */
  daysBefore: number;
  /** Age of the oldest transfer among daysBefore, in whole days beyond the last 24 hours, at least 1; null when there is none. */
  daysKnown: number | null;
}

/** Fewer earlier transfers than this say nothing about what is usual. */
export const LEAST_HISTORY = 5;

/** Parts of a hundred, before unknown factors drop out. */
const WEIGHTS = { amount: 60n, velocity: 40n } as const;

/** Up to the largest earlier amount is usual (0); five times that is as unusual as it gets (100). */
const FULL_AMOUNT_MULTIPLE = 5n;
/** Up to twice the usual number per day is usual (0); ten times that is as unusual as it gets (100). */
const USUAL_VELOCITY = 2;
const FULL_VELOCITY = 10;

/** Scores one transfer of `amountMinor` against the customer's history. */
export function assess(amountMinor: bigint, currency: string, history: History): Omit<Assessment, 'assessedAt'> {
  const known = [amountFactor(amountMinor, currency, history), velocityFactor(history)].filter(
    (factor) => factor !== null,
  );
  const weights = shares(known.map(({ name }) => WEIGHTS[name]));
  const score = weightedScore(known);
  const factors = known
    .map((factor, index) => ({ ...factor, weight: weights[index]! }))
    .sort((a, b) => contribution(b) - contribution(a));
  // Rules that refuse, ask for more proof or let a person look come with the policy; until then a score informs only.
  return { score, level: levelOf(score), decision: 'ALLOW', factors };
}

/** The graph's four steps. */
export function levelOf(score: number): RiskLevel {
  if (score >= 85) return 'CRITICAL';
  if (score >= 60) return 'HIGH';
  return score >= 30 ? 'MEDIUM' : 'LOW';
}

type KnownFactor = Omit<RiskFactor, 'weight' | 'name'> & { name: keyof typeof WEIGHTS };

function contribution({ name, score }: KnownFactor): number {
  return score * Number(WEIGHTS[name]);
}

/** Rounded half up. */
function weightedScore(factors: readonly KnownFactor[]): number {
  const total = factors.reduce((sum, { name }) => sum + Number(WEIGHTS[name]), 0);
  return total === 0 ? 0 : Math.round(factors.reduce((sum, factor) => sum + contribution(factor), 0) / total);
}

function amountFactor(amountMinor: bigint, currency: string, history: History): KnownFactor | null {
  const { earlierInCurrency, largestMinor } = history;
  if (earlierInCurrency < LEAST_HISTORY || largestMinor === null) return null;
  if (amountMinor <= largestMinor) {
    return { name: 'amount', score: 0, reason: `Not more than the largest of the earlier transfers in ${currency}.` };
  }
  const score = ((amountMinor - largestMinor) * 100n) / (largestMinor * (FULL_AMOUNT_MULTIPLE - 1n));
  return {
    name: 'amount',
    score: score > 100n ? 100 : Number(score),
    reason: `More than any of the earlier transfers in ${currency}.`,
  };
}

function velocityFactor({ lastDay, daysBefore, daysKnown }: History): KnownFactor | null {
  if (daysBefore < LEAST_HISTORY || daysKnown === null) return null;
  // Somebody who sends less than once a day is not hasty with two in one day.
  const usualPerDay = Math.max(daysBefore / daysKnown, 1);
  const times = (lastDay + 1) / usualPerDay;
  const score = Math.floor(((times - USUAL_VELOCITY) * 100) / (FULL_VELOCITY - USUAL_VELOCITY));
  if (score <= 0) return { name: 'velocity', score: 0, reason: 'About as many transfers in 24 hours as usual.' };
  return { name: 'velocity', score: Math.min(score, 100), reason: 'More transfers in 24 hours than usual.' };
}
