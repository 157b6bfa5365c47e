import type { Pool } from 'pg';
import { PrismaClient, type Assessment as AssessmentRow } from '../../prisma/risk/client/client.ts';
import { prismaAdapter, type Queryable } from '../../platform/db.ts';
import type { EventPayloads } from '../../platform/events.ts';
import type { TransferId } from '../../platform/ids.ts';
import type { RiskDecision, RiskFactor, RiskLevel } from '../../platform/questions/assess-transfer.ts';
import type { History } from './domain.ts';

/** A recorded assessment and whose transfer it was. */
export interface RecordedAssessment {
  transferId: string;
  customerId: string;
  score: number;
  level: RiskLevel;
  decision: RiskDecision;
  factors: RiskFactor[];
  assessedAt: Date;
}

/** The tables of risk. Assessments are written by `risk.record_assessments` alone, within the posting transaction. */
export interface RiskStore {
  /** What the customer has sent to others, as far as it matters for a transfer now. */
  readHistory(options: { customerId: string; currency: string; now: Date }): Promise<History>;
  findAssessments(transferIds: readonly TransferId[]): Promise<Map<string, RecordedAssessment>>;
  /** The highest score of each customer's assessments since a moment; customers without any are left out. */
  highestScores(customerIds: readonly string[], since: Date): Promise<Map<string, number>>;
  close(): Promise<void>;
}

export function createRiskStore(pool: Pool): RiskStore {
  const prisma = new PrismaClient({ adapter: prismaAdapter(pool, 'risk') });
  return {
    readHistory: (options) => readHistory(pool, options),
    async findAssessments(transferIds) {
      const rows = await prisma.assessment.findMany({ where: { transferId: { in: [...transferIds] } } });
      return new Map(rows.map((row) => [row.transferId, toAssessment(row)]));
    },
    async highestScores(customerIds, since) {
      const rows = await prisma.assessment.groupBy({
        by: ['customerId'],
        where: { customerId: { in: [...customerIds] }, assessedAt: { gte: since } },
        _max: { score: true },
      });
      return new Map(rows.map(({ customerId, _max }) => [customerId, _max.score ?? 0]));
    },
    close: () => prisma.$disconnect(),
  };
}

/** The newest transfers in one currency that count as history. */
const AMOUNTS = 100;
/** Counting stops here: a score is at its highest long before. */
const MOST_COUNTED = 1000;

/** Every createTransfer waits for this, so it goes past Prisma, as one named statement along two indexes. */
async function readHistory(
  db: Queryable,
  { customerId, currency, now }: { customerId: string; currency: string; now: Date },
): Promise<History> {
  const { rows } = await db.query<{
    earlier: string;
    largest: string | null;
    last_day: string;
    days_before: string;
    days_known: string | null;
  }>({
    name: 'risk-read-history',
    text: `SELECT same.earlier, same.largest, recent.last_day, before.days_before, before.days_known
           FROM (SELECT count(*) AS earlier, max(amount) AS largest
                 FROM (SELECT amount FROM outgoing_transfer WHERE customer_id = $1 AND currency = $2
                       ORDER BY at DESC LIMIT ${AMOUNTS}) AS newest) AS same,
                (SELECT count(*) AS last_day
                 FROM (SELECT FROM outgoing_transfer WHERE customer_id = $1 AND at > $3::timestamptz - interval '24 hours'
                       LIMIT ${MOST_COUNTED}) AS day) AS recent,
                (SELECT count(*) AS days_before,
                        greatest(ceil(extract(epoch FROM $3::timestamptz - interval '24 hours' - min(at)) / 86400), 1) AS days_known
                 FROM (SELECT at FROM outgoing_transfer
                       WHERE customer_id = $1 AND at <= $3::timestamptz - interval '24 hours'
                         AND at > $3::timestamptz - interval '31 days'
                       ORDER BY at DESC LIMIT ${MOST_COUNTED}) AS month) AS before`,
    values: [customerId, currency, now],
  });
  const row = rows[0]!;
  return {
    earlierInCurrency: Number(row.earlier),
    largestMinor: row.largest === null ? null : BigInt(row.largest),
    lastDay: Number(row.last_day),
    daysBefore: Number(row.days_before),
    // greatest() ignores null, so an empty month would count as one day.
    daysKnown: row.days_before === '0' ? null : Number(row.days_known),
  };
}

/** Notes what was sent, within the transaction of the listener's cursor. Running twice changes nothing. */
export async function recordOutgoing(
  tx: Queryable,
  transfers: readonly EventPayloads['TransferCompleted'][],
): Promise<void> {
  await tx.query({
    name: 'risk-record-outgoing',
    text: `INSERT INTO outgoing_transfer (transfer_id, customer_id, currency, amount, at)
           SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::numeric[], $5::timestamptz[])
           ON CONFLICT (transfer_id) DO NOTHING`,
    values: [
      transfers.map(({ transferId }) => transferId),
      transfers.map(({ senderId }) => senderId),
      transfers.map(({ currency }) => currency),
      transfers.map(({ amountMinor }) => amountMinor),
      transfers.map(({ at }) => at),
    ],
  });
}

function toAssessment({ level, decision, factors, ...row }: AssessmentRow): RecordedAssessment {
  // The table's CHECK constraints hold the enums; the factors are as assess-transfer.ts made them.
  return {
    ...row,
    level: level as RiskLevel,
    decision: decision as RiskDecision,
    factors: factors as unknown as RiskFactor[],
  };
}
