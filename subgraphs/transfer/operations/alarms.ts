import { readPostingStop } from '../../../ledger/posting-gate.ts';
import { readProofs } from '../../../ledger/proof-store.ts';
import { readSuspense } from '../../../ledger/suspense.ts';
import type { Queryable } from '../../../platform/db.ts';
import type { Logger } from '../../../platform/log.ts';
import { formatAmount, isCurrency } from '../../../platform/money.ts';
import type { PeriodicTask } from '../../../platform/periodic.ts';
import { POLICY } from '../../../platform/policy.ts';
import { severitiesThat } from './dead-letter-store.ts';

/** Something that somebody on call should look at now; docs/on-call.md has what to do about each. */
export interface BankAlarm {
  code: AlarmCode;
  /** A currency, hold, letter or transfer; empty where there is nothing to name. */
  subject: string;
  message: string;
  /** As far as that is known. */
  since: Date | null;
}

export type AlarmCode =
  | 'POSTING_STOPPED'
  | 'PROOF_FAILED'
  | 'CHAIN_BROKEN'
  | 'PROOF_LATE'
  | 'CHAIN_LATE'
  | 'SUSPENSE_NOT_ZERO'
  | 'HOLD_PAST_EXPIRY'
  | 'CRITICAL_LETTER'
  | 'UNKNOWN_PAYOUT'
  | 'SETTLEMENT_LATE';

/** The most alarms of one kind: whoever has twenty of a kind needs no more to know. */
const MOST = 20;

/** All alarms there are now. Read as dwaybank_transfer. */
export async function readAlarms(db: Queryable): Promise<BankAlarm[]> {
  return [
    ...(await aboutPosting(db)),
    ...(await aboutProofs(db)),
    ...(await aboutSuspense(db)),
    ...(await aboutRows(db)),
  ];
}

async function aboutPosting(db: Queryable): Promise<BankAlarm[]> {
  const stop = await readPostingStop(db);
  if (!stop) return [];
  return [{ code: 'POSTING_STOPPED', subject: '', message: `Nothing is posted: ${stop.reason}`, since: stop.at }];
}

async function aboutProofs(db: Queryable): Promise<BankAlarm[]> {
  const { last } = await readProofs(db);
  if (!last || last.ok) return [];
  return last.findings.slice(0, MOST).map(({ problem, subject, detail }) => ({
    // Findings about the chain are about one of its positions.
    code: subject.startsWith('position ') ? 'CHAIN_BROKEN' : 'PROOF_FAILED',
    subject,
    message: `${problem} (${detail})`,
    since: last.at,
  }));
}

async function aboutSuspense(db: Queryable): Promise<BankAlarm[]> {
  return (await readSuspense(db)).slice(0, MOST).map(({ currency, provider, amountMinor }) => ({
    code: 'SUSPENSE_NOT_ZERO',
    subject: provider ? `${currency} ${provider}` : currency,
    message: `${isCurrency(currency) ? formatAmount(amountMinor, currency) : amountMinor} ${currency} lie on suspense`,
    since: null,
  }));
}

/* One statement for what stands in rows; by the database's clock, which decided about them. */
const ROWS = `
  (SELECT 'HOLD_PAST_EXPIRY' AS code, id::text AS subject,
      concat('a hold of transfer ', coalesce(transfer_id::text, '-'), ' is open past its expiry') AS message, expires_at AS since
    FROM ledger.hold WHERE status = 'OPEN' AND expires_at < clock_timestamp() - make_interval(mins => $1) ORDER BY expires_at LIMIT $5)
  UNION ALL
  (SELECT 'CRITICAL_LETTER', id::text, concat(kind, ': ', reason), recorded_at
    FROM transfer.dead_letter WHERE state <> 'RESOLVED' AND severity = ANY ($7::text[]) ORDER BY recorded_at LIMIT $5)
  UNION ALL
  (SELECT 'UNKNOWN_PAYOUT', id::text, concat('it is not known what became of this ', type), updated_at
    FROM transfer.transfer WHERE status = 'PROVIDER_CONFIRMING' AND updated_at < clock_timestamp() - make_interval(mins => $2)
    ORDER BY updated_at LIMIT $5)
  UNION ALL
  (SELECT 'SETTLEMENT_LATE', provider, concat('its statements are read through ', coalesce(through_day::text, 'no day'), ': ', coalesce(fault, 'nobody asks')),
      coalesce(fetched_at, begun_at)
    FROM transfer.settlement_fetch WHERE coalesce(fetched_at, begun_at) < clock_timestamp() - make_interval(hours => $6) ORDER BY 2 LIMIT $5)
  UNION ALL
  (SELECT 'CHAIN_LATE', '', concat('entries wait to be chained; the oldest is ', e.id), e.at
    FROM (SELECT xid, entry_id FROM (SELECT 1) one LEFT JOIN (SELECT xid, entry_id FROM ledger.entry_chain ORDER BY position DESC LIMIT 1) h ON true) head,
      LATERAL (SELECT id, at FROM ledger.entry e WHERE e.xid >= coalesce(head.xid, 0)
        AND (head.xid IS NULL OR (e.xid, e.id) > (head.xid, head.entry_id)) ORDER BY e.at LIMIT 1) e
    WHERE e.at < clock_timestamp() - make_interval(mins => $3))
  UNION ALL
  (SELECT 'PROOF_LATE', '', 'the books were not proved for long', f.at
    FROM ledger.proof f WHERE f.ok AND f.number = (SELECT max(number) FROM ledger.proof WHERE ok)
      AND f.at < clock_timestamp() - make_interval(mins => $4)
      AND EXISTS (SELECT FROM ledger.entry e WHERE e.xid >= f.horizon AND e.at > f.at AND e.at < clock_timestamp() - make_interval(mins => $4)))`;

async function aboutRows(db: Queryable): Promise<BankAlarm[]> {
  const { holdPastExpiryMinutes, unknownPayoutMinutes, unchainedMinutes, proofMinutes } = POLICY.operations;
  const { rows } = await db.query<BankAlarm>({
    name: 'transfer-read-alarms',
    text: ROWS,
    values: [
      ...[holdPastExpiryMinutes, unknownPayoutMinutes, unchainedMinutes, proofMinutes, MOST],
      POLICY.reconciliation.fetch.lateHours,
      severitiesThat('alarms'),
    ],
  });
  return rows;
}

/** Says in the log, at error level, when an alarm begins, and when it is over; each process for itself. */
export function watchAlarms(deps: { pool: Queryable; log: Logger }): PeriodicTask {
  let known = new Map<string, BankAlarm>();
  return {
    name: 'transfer.alarms',
    everyMs: POLICY.operations.alarmsEveryMs,
    async run() {
      const alarms = new Map((await readAlarms(deps.pool)).map((alarm) => [`${alarm.code} ${alarm.subject}`, alarm]));
      for (const [name, alarm] of alarms) if (!known.has(name)) deps.log.error({ alarm }, 'ALARM: see docs/on-call.md');
      for (const [name, alarm] of known) if (!alarms.has(name)) deps.log.info({ alarm }, 'an alarm is over');
      known = alarms;
      return false;
    },
  };
}
