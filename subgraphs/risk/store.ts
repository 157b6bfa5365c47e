import type { Pool } from 'pg';
import { PrismaClient, type Assessment as AssessmentRow } from '../../prisma/risk/client/client.ts';
import { prismaAdapter, type Queryable } from '../../platform/db.ts';
import { gather } from '../../platform/gather.ts';
import type { TransferId, UserId } from '../../platform/ids.ts';
import { POLICY } from '../../platform/policy.ts';
import type { RiskDecision, RiskFactor, RiskLevel } from '../../platform/questions/assess-transfer.ts';
import type { History, Subject } from './factors.ts';

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
  /** What the customer has sent to others, as far as it matters for a transfer now. In one statement, with others' questions. */
  readHistory(question: HistoryQuestion): Promise<History>;
  findAssessments(transferIds: readonly TransferId[]): Promise<Map<string, RecordedAssessment>>;
  /** The highest score of each customer's assessments since a moment, of what came to something; customers without any are left out. */
  highestScores(customerIds: readonly string[], since: Date): Promise<Map<string, number>>;
  close(): Promise<void>;
}

const RECORDED = {
  transferId: true,
  customerId: true,
  score: true,
  level: true,
  decision: true,
  factors: true,
  assessedAt: true,
} as const;

export function createRiskStore(pool: Pool): RiskStore {
  const prisma = new PrismaClient({ adapter: prismaAdapter(pool, 'risk') });
  return {
    readHistory: gather((questions) => readHistories(pool, questions)),
    async findAssessments(transferIds) {
      const rows = await prisma.assessment.findMany({
        where: { transferId: { in: [...transferIds] } },
        select: RECORDED,
      });
      return new Map(rows.map((row) => [row.transferId, toAssessment(row)]));
    },
    async highestScores(customerIds, since) {
      const rows = await prisma.assessment.groupBy({
        by: ['customerId'],
        // With the condition of the partial index: what stays between own accounts is never scored.
        where: { customerId: { in: [...customerIds] }, nth: { not: null }, undone: false, postedAt: { gte: since } },
        _max: { score: true },
      });
      return new Map(rows.map(({ customerId, _max }) => [customerId, _max.score ?? 0]));
    },
    close: () => prisma.$disconnect(),
  };
}

/** What the history is asked about. */
export interface HistoryQuestion extends Pick<Subject, 'country' | 'device'> {
  customerId: UserId;
  recipientId: UserId;
}

interface HistoryRow {
  sent: number;
  last_hour: number;
  last_day: number;
  days_before: number;
  days_known: string;
  compared: number;
  usual: string | null;
  last_country: string | null;
  hours_ago: string | null;
  country_known: boolean;
  any_device: boolean;
  device_known: boolean;
  near_this_hour: number;
  recipient_known: boolean;
  received_lately: boolean;
}

const { sample, amount, behaviour } = POLICY.risk;

/**
 * Every createTransfer waits for this, so it goes past Prisma, as one named statement for all who ask meanwhile: for each the newest rows
 * of one index, and seven look-ups in it and the other. A span of time costs a look-up however many transfers it holds, because each
 * row carries its number (of what came to nothing, too: asking often is unusual, whatever comes of it). The arrays are passed through (SELECT $1), so that Postgres keeps one plan and does not plan anew for each
 * length of them.
 */
const READ_HISTORIES = `
  SELECT history.* FROM unnest((SELECT $1::uuid[]), (SELECT $2::uuid[]), (SELECT $3::text[]), (SELECT $4::text[]))
    WITH ORDINALITY AS asked (customer_id, recipient_id, country, device, place)
  CROSS JOIN LATERAL (
    WITH recent AS MATERIALIZED (
      SELECT usd_amount, country, device, posted_at FROM assessment
      WHERE customer_id = asked.customer_id AND nth IS NOT NULL AND NOT undone ORDER BY posted_at DESC, nth DESC LIMIT ${sample}
    ), this_hour AS MATERIALIZED (
      SELECT utc - interval '${behaviour.nearHours} hours' AS earliest, utc + interval '${behaviour.nearHours} hours' AS latest
      FROM (SELECT (now() AT TIME ZONE 'UTC')::time AS utc) AS this
    ), sample AS (
      SELECT count(*)::int AS compared, percentile_disc(${amount.usualQuantile}) WITHIN GROUP (ORDER BY usd_amount) AS usual,
             coalesce(bool_or(country = asked.country), false) AS country_known,
             count(device) > 0 AS any_device, coalesce(bool_or(device = asked.device), false) AS device_known,
             (count(*) FILTER (WHERE CASE WHEN earliest <= latest THEN time BETWEEN earliest AND latest
                                     ELSE time >= earliest OR time <= latest END))::int AS near_this_hour
      FROM this_hour, LATERAL (SELECT *, (posted_at AT TIME ZONE 'UTC')::time AS time FROM recent) AS past
    ), number AS MATERIALIZED (
      SELECT ${numberAt('now()')} AS now, ${numberAt("now() - interval '1 hour'")} AS hour_ago,
             ${numberAt("now() - interval '24 hours'")} AS day_ago, ${numberAt("now() - interval '31 days'")} AS month_ago,
             (SELECT posted_at FROM assessment WHERE customer_id = asked.customer_id AND nth IS NOT NULL ORDER BY posted_at, nth LIMIT 1) AS first_at
    )
    SELECT number.now AS sent, number.now - hour_ago AS last_hour, number.now - day_ago AS last_day,
           day_ago - month_ago AS days_before,
           greatest(1, least(30, extract(epoch FROM now() - interval '24 hours' - first_at) / 86400)) AS days_known,
           compared, usual, last_place.country AS last_country, last_place.hours_ago, country_known, any_device, device_known, near_this_hour,
           EXISTS (SELECT FROM assessment WHERE customer_id = asked.customer_id AND recipient_id = asked.recipient_id AND nth IS NOT NULL
                   AND NOT undone) AS recipient_known,
           EXISTS (SELECT FROM assessment WHERE customer_id = asked.recipient_id AND recipient_id = asked.customer_id AND nth IS NOT NULL
                   AND NOT undone AND posted_at > now() - interval '${behaviour.roundTripHours} hours') AS received_lately
    FROM number, sample LEFT JOIN (
      SELECT country, extract(epoch FROM now() - posted_at) / 3600 AS hours_ago
      FROM recent WHERE country IS NOT NULL ORDER BY posted_at DESC LIMIT 1
    ) AS last_place ON true
  ) AS history ORDER BY asked.place`;

/** How many transfers the customer had made by then. */
function numberAt(moment: string): string {
  return `coalesce((SELECT nth FROM assessment WHERE customer_id = asked.customer_id AND nth IS NOT NULL AND posted_at <= ${moment}
                    ORDER BY posted_at DESC, nth DESC LIMIT 1), 0)`;
}

async function readHistories(db: Queryable, asked: readonly HistoryQuestion[]): Promise<History[]> {
  const { rows } = await db.query<HistoryRow>({
    name: 'risk-read-histories',
    text: READ_HISTORIES,
    values: [
      asked.map(({ customerId }) => customerId),
      asked.map(({ recipientId }) => recipientId),
      asked.map(({ country }) => country),
      asked.map(({ device }) => device),
    ],
  });
  return rows.map(toHistory);
}

function toHistory(row: HistoryRow): History {
  return {
    sent: row.sent,
    lastHour: row.last_hour,
    lastDay: row.last_day,
    daysBefore: row.days_before,
    daysKnown: Number(row.days_known),
    compared: row.compared,
    usualUsdMinor: row.usual === null ? null : BigInt(row.usual),
    lastPlace: row.last_country === null ? null : { country: row.last_country, hoursAgo: Number(row.hours_ago) },
    countryKnown: row.country_known,
    anyDevice: row.any_device,
    deviceKnown: row.device_known,
    nearThisHour: row.near_this_hour,
    recipientKnown: row.recipient_known,
    receivedLately: row.received_lately,
  };
}

/** What was found about each transfer; a transfer without an assessment is missing. */
export async function readFactors(
  db: Queryable,
  transferIds: readonly TransferId[],
): Promise<Map<TransferId, RiskFactor[]>> {
  const { rows } = await db.query<{ transfer_id: TransferId; factors: RiskFactor[] }>({
    name: 'risk-read-factors',
    // One look-up each, because the plan may be made while the table is empty, and is kept when it no longer is.
    text: `SELECT asked.transfer_id, found.factors FROM unnest($1::uuid[]) AS asked (transfer_id),
             LATERAL (SELECT factors FROM assessment WHERE transfer_id = asked.transfer_id LIMIT 1) AS found`,
    values: [transferIds],
  });
  return new Map(rows.map(({ transfer_id, factors }) => [transfer_id, factors]));
}

/** Takes these out of what later transfers are compared with; those without an assessment are left out. */
export async function markUndone(tx: Queryable, transferIds: readonly TransferId[]): Promise<void> {
  await tx.query({
    name: 'risk-mark-undone',
    // In their order, as whoever else handles the same events.
    text: `UPDATE assessment SET undone = true WHERE transfer_id IN (
             SELECT transfer_id FROM assessment WHERE transfer_id = ANY ($1::uuid[]) AND NOT undone ORDER BY transfer_id FOR NO KEY UPDATE)`,
    values: [transferIds],
  });
}

function toAssessment({
  level,
  decision,
  factors,
  ...row
}: Pick<AssessmentRow, keyof typeof RECORDED>): RecordedAssessment {
  // The table's CHECK constraints hold the enums; the factors are as assess-transfer.ts made them.
  return {
    ...row,
    level: level as RiskLevel,
    decision: decision as RiskDecision,
    factors: factors as unknown as RiskFactor[],
  };
}
