import { POLICY } from '../../platform/policy.ts';
import type { Assessment, RiskDecision, RiskFactor, RiskLevel } from '../../platform/questions/assess-transfer.ts';
import { shares } from '../../platform/ratio.ts';
import { FACTORS, type History, type Subject } from './factors.ts';

/*
 * From the factors to the decision. What is unknown drops out and the others share its weight: it is never a constant. A
 * transfer of which nothing is known has the score 0, and it is the policy's amount that asks for more proof then.
 */

/** Scores one transfer to somebody else against the customer's history and says what follows. */
export function assess(
  subject: Subject,
  history: History,
): Pick<Assessment, 'score' | 'level' | 'decision' | 'factors'> {
  const known = names.flatMap((name) => {
    const found = FACTORS[name](subject, history);
    return found ? [{ name, ...found }] : [];
  });
  const weights = shares(known.map(({ name }) => POLICY.risk.weights[name]));
  const factors = known
    .map((factor, index) => ({ ...factor, weight: weights[index]! }))
    .sort((a, b) => contribution(b) - contribution(a));
  const score = weightedScore(known);
  const level = levelOf(score);
  return { score, level, decision: decisionFor(subject.usdMinor, level), factors };
}

// Object.keys loses the names' type.
const names = Object.keys(FACTORS) as RiskFactor['name'][];

/** The graph's four steps. */
export function levelOf(score: number): RiskLevel {
  if (score >= 85) return 'CRITICAL';
  if (score >= 60) return 'HIGH';
  return score >= 30 ? 'MEDIUM' : 'LOW';
}

/** Up to the policy's amount (US cents, inclusive) a transfer goes on whatever its score; above it, by level. */
export function decisionFor(usdMinor: bigint, level: RiskLevel): RiskDecision {
  return usdMinor <= POLICY.stepUpAboveUsdMinor ? 'ALLOW' : ABOVE[level];
}

const ABOVE: Record<RiskLevel, RiskDecision> = {
  LOW: 'STEP_UP',
  MEDIUM: 'STEP_UP',
  HIGH: 'REVIEW',
  CRITICAL: 'BLOCK',
};

function contribution({ name, score }: Pick<RiskFactor, 'name' | 'score'>): number {
  return score * Number(POLICY.risk.weights[name]);
}

/** Rounded half up. */
function weightedScore(factors: readonly Pick<RiskFactor, 'name' | 'score'>[]): number {
  const total = factors.reduce((sum, { name }) => sum + Number(POLICY.risk.weights[name]), 0);
  return total === 0 ? 0 : Math.round(factors.reduce((sum, factor) => sum + contribution(factor), 0) / total);
}
