import { createHash } from 'node:crypto';
import type { Queryable } from '../../../platform/db.ts';
import type { TransferId } from '../../../platform/ids.ts';
import type { Money } from '../../../platform/money.ts';
import type { ProviderNotice } from '../../../providers/payout-provider.ts';

/** Names a notice. */
export interface NoticeKey {
  provider: string;
  eventId: string;
}

/** Whether a notice was new; CONFLICT: its id was used before for another body, which is kept too, once. */
export type Stored = 'NEW' | 'REPEATED' | 'CONFLICT' | 'CONFLICT_REPEATED';

/** Stores a notice that was proved, within the caller's transaction. */
export async function storeNotice(tx: Queryable, notice: ProviderNotice, body: Buffer): Promise<Stored> {
  const { provider, eventId, type } = notice;
  const added = await tx.query({
    name: 'transfer-store-notice',
    text: `INSERT INTO provider_notice (provider, event_id, type, body, notice) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT DO NOTHING`,
    values: [provider, eventId, type, body, toJson(notice)],
  });
  if (added.rowCount === 1) return 'NEW';
  const { rows } = await tx.query<{ same: boolean }>({
    name: 'transfer-compare-notice',
    text: 'SELECT body = $3 AS same FROM provider_notice WHERE provider = $1 AND event_id = $2',
    values: [provider, eventId, body],
  });
  if (rows[0]!.same) return 'REPEATED';
  const kept = await tx.query({
    name: 'transfer-keep-conflicting-notice',
    text: `INSERT INTO provider_notice_conflict (provider, event_id, body_hash, body) VALUES ($1, $2, $3, $4)
           ON CONFLICT DO NOTHING`,
    values: [provider, eventId, createHash('sha256').update(body).digest(), body],
  });
  return kept.rowCount === 1 ? 'CONFLICT' : 'CONFLICT_REPEATED';
}

/** A notice as the job finds it. */
export interface StoredNotice {
  notice: ProviderNotice;
  /** True once it was acted on, or laid aside. */
  settled: boolean;
  /** By the database's clock. */
  ageMs: number;
}

export async function readNotice(db: Queryable, { provider, eventId }: NoticeKey): Promise<StoredNotice> {
  const { rows } = await db.query<{ notice: unknown; settled: boolean; age_ms: string }>({
    name: 'transfer-read-notice',
    text: `SELECT notice, settled_at IS NOT NULL AS settled,
             round(extract(epoch FROM clock_timestamp() - received_at) * 1000) AS age_ms
           FROM provider_notice WHERE provider = $1 AND event_id = $2`,
    values: [provider, eventId],
  });
  const row = rows[0];
  if (!row) throw new Error(`there is no notice ${eventId} of ${provider}`);
  return { notice: fromJson(row.notice), settled: row.settled, ageMs: Number(row.age_ms) };
}

/** Notes what became of a notice; WAITING leaves it open. */
export async function settleNotice(
  db: Queryable,
  { provider, eventId }: NoticeKey,
  status: 'APPLIED' | 'IGNORED' | 'WAITING' | 'PARKED',
  transferId: TransferId | null,
): Promise<void> {
  await db.query({
    name: 'transfer-settle-notice',
    text: `UPDATE provider_notice SET status = $3, transfer_id = $4,
             settled_at = CASE WHEN $3 <> 'WAITING' THEN clock_timestamp() END
           WHERE provider = $1 AND event_id = $2 AND settled_at IS NULL`,
    values: [provider, eventId, status, transferId],
  });
}

/** A transfer that a provider may speak of; null when there is none with that id. */
export async function noticedTransfer(
  db: Queryable,
  transferId: TransferId,
): Promise<{ type: string; amount: Money } | null> {
  const { rows } = await db.query<{ type: string; amount: string; currency: string }>({
    name: 'transfer-noticed',
    text: 'SELECT type, amount, currency FROM transfer WHERE id = $1',
    values: [transferId],
  });
  const [row] = rows;
  return row ? { type: row.type, amount: { amountMinor: BigInt(row.amount), currency: row.currency } } : null;
}

/** JSON knows no bigint: amounts in a notice travel as digits. */
function toJson(notice: ProviderNotice): string {
  return JSON.stringify(notice, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
}

function fromJson(stored: unknown): ProviderNotice {
  // Written by toJson, and nobody else writes the column: all is as it was, but the amounts. Older ones have none.
  const notice = stored as Omit<ProviderNotice, 'amount'> & { amount?: Money | null };
  const { payout, amount = null } = notice;
  return {
    ...notice,
    amount: amount && { ...amount, amountMinor: BigInt(amount.amountMinor) },
    payout:
      payout?.outcome === 'SUCCEEDED' && payout.feeMinor !== null
        ? { ...payout, feeMinor: BigInt(payout.feeMinor) }
        : payout,
  };
}
