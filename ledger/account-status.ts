import type { Queryable } from '../platform/db.ts';
import type { AccountId, UserId } from '../platform/ids.ts';
import type { AccountStatus } from './accounts.ts';

/** Why an account's status stays as it is; see ledger.set_account_status. */
export type StatusRefusal =
  | 'UNKNOWN_ACCOUNT'
  | 'ACCOUNT_CLOSED'
  | 'ACCOUNT_FROZEN'
  | 'FROZEN_BY_BANK'
  | 'ACCOUNT_NOT_EMPTY'
  | 'ACCOUNT_EXPECTS_MONEY';

export interface StatusChange {
  accountId: AccountId;
  status: AccountStatus;
  changedBy: UserId;
  /** Goes on record; what staff has frozen, its owner cannot use again. */
  byStaff: boolean;
  /** Whether a freeze by staff may be lifted by it; false when missing. */
  liftsStaffFreeze?: boolean;
  reason: string | null;
}

/** Freezes an account, makes it usable again or closes it, decided under its lock. `changed` is false when it was so already. */
export async function setAccountStatus(
  db: Queryable,
  { accountId, status, changedBy, byStaff, liftsStaffFreeze = false, reason }: StatusChange,
): Promise<{ ok: true; changed: boolean } | { ok: false; refusal: StatusRefusal }> {
  const { rows } = await db.query<{ verdict: 'CHANGED' | 'UNCHANGED' | StatusRefusal }>({
    name: 'ledger-set-account-status',
    text: 'SELECT verdict FROM ledger.set_account_status($1, $2, $3, $4, $5, $6)',
    values: [accountId, status, changedBy, byStaff, reason, liftsStaffFreeze],
  });
  const { verdict } = rows[0]!;
  if (verdict === 'CHANGED' || verdict === 'UNCHANGED') return { ok: true, changed: verdict === 'CHANGED' };
  return { ok: false, refusal: verdict };
}

/** Why accounts are as they are, in the words of whoever changed them last; those that nobody has changed are missing. */
export async function statusReasons(
  db: Queryable,
  ids: readonly AccountId[],
): Promise<ReadonlyMap<AccountId, string | null>> {
  const { rows } = await db.query<{ id: AccountId; reason: string | null }>({
    name: 'ledger-status-reasons',
    text: `SELECT asked.id, newest.reason FROM unnest($1::uuid[]) AS asked (id)
           CROSS JOIN LATERAL (
             SELECT reason FROM ledger.account_status_change WHERE account_id = asked.id ORDER BY version DESC LIMIT 1
           ) AS newest`,
    values: [ids],
  });
  return new Map(rows.map(({ id, reason }) => [id, reason]));
}
