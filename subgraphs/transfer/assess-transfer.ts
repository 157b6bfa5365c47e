import { z } from 'zod';
import { availableMinor, balances } from '../../ledger/balances.ts';
import type { Assessment, AssessTransferQuestion } from '../../platform/questions/assess-transfer.ts';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import { untilAborted } from '../../platform/subgraph-execution.ts';
import { refuse } from './refusals.ts';

export type AssessTransferDeps = Pick<SubgraphDeps, 'ask' | 'log' | 'pool'>;

/** Risk answers in a few milliseconds; a customer waits no longer than this for it. */
const DEADLINE_MS = 2_000;

/** Minor units, as far as an amount of the books can go. */
const digits = z.string().regex(/^(0|[1-9][0-9]{0,37})$/);

/** The answer comes from another process and decides about money, so its form is checked. */
const assessmentSchema: z.ZodType<Assessment> = z.object({
  score: z.int().min(0).max(100),
  level: z.enum(['LOW', 'MEDIUM', 'HIGH', 'CRITICAL']),
  decision: z.enum(['ALLOW', 'STEP_UP', 'REVIEW', 'BLOCK']),
  factors: z.array(
    z.object({
      name: z.enum(['amount', 'velocity', 'geography', 'behaviour', 'device']),
      score: z.number().min(0).max(100),
      weight: z.string(),
      reason: z.string(),
    }),
  ),
  assessedAt: z.string(),
  spending: z.object({ usdMinor: digits, bankDailyUsdMinor: digits, bankMonthlyUsdMinor: digits }).nullable(),
  evidence: z.record(z.string(), z.unknown()),
});

/**
 * Asks risk about a transfer, once. Returns the assessment when the transfer may go on; refuses when it may not, and with
 * RISK_UNAVAILABLE when there is no answer in time: nothing moves unchecked. Who has not the money anyway is told so, rather than
 * asked for a second factor in vain; nothing is stored, and with enough money the same key asks anew.
 *
 * An assessment that a person must look at first (REVIEW) is refused, unless the caller `holds`: then it is returned, and the caller
 * holds the money until somebody has looked.
 */
export async function assessTransfer(
  deps: AssessTransferDeps,
  question: AssessTransferQuestion,
  signal: AbortSignal,
  { holds = false }: { holds?: boolean } = {},
): Promise<Assessment> {
  const assessment = await ask(deps, question, AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]));
  if (assessment.decision === 'ALLOW' || (holds && assessment.decision === 'REVIEW')) return assessment;
  if (await lacksFunds(deps, question)) throw refuse('INSUFFICIENT_FUNDS', ['amount', 'amount']);
  switch (assessment.decision) {
    case 'STEP_UP':
      throw refuse('STEP_UP_REQUIRED');
    case 'REVIEW':
      throw refuse('RISK_REVIEW_REQUIRED');
    case 'BLOCK':
      throw refuse('NOT_PROCESSED');
  }
}

async function lacksFunds(
  { pool }: AssessTransferDeps,
  { sourceAccountId, amountMinor }: AssessTransferQuestion,
): Promise<boolean> {
  const balance = sourceAccountId && (await balances(pool, [sourceAccountId])).get(sourceAccountId);
  return balance ? availableMinor(balance) < BigInt(amountMinor) : false;
}

async function ask(
  deps: AssessTransferDeps,
  question: AssessTransferQuestion,
  deadline: AbortSignal,
): Promise<Assessment> {
  try {
    return assessmentSchema.parse(
      await untilAborted(deps.ask('risk', 'assess-transfer', question, deadline), deadline),
    );
  } catch (error) {
    deps.log.warn({ err: error, transferId: question.transferId }, 'risk gave no answer: the transfer is refused');
    throw refuse('RISK_UNAVAILABLE');
  }
}
