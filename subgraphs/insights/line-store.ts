import type { Queryable } from '../../platform/db.ts';
import type { BalanceChange, EventPayloads } from '../../platform/events.ts';
import type { CategorisedLine, ExternalLine, Movement } from './domain.ts';

/*
 * What the listeners write, within the transaction of their cursor. Running twice changes nothing; running again after a
 * change of the rules categorises anew.
 */

/** Notes statement lines. */
export async function recordMovements(tx: Queryable, movements: readonly Movement[]): Promise<void> {
  const lines = [...new Map(movements.map((movement) => [movement.postingId, movement])).values()];
  if (lines.length === 0) return;
  await tx.query({
    name: 'insights-record-movements',
    text: `INSERT INTO movement (posting_id, account_id, line_type, description, at, ${SHARED_COLUMNS})
           SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[],
                                $6::uuid[], $7::text[], $8::numeric[], $9::boolean[], $10::text[], $11::text[], $12::smallint[], $13::text[], $14::text[])
           ON CONFLICT (posting_id) DO UPDATE
           SET own_money = excluded.own_money, category = excluded.category, rule = excluded.rule,
               confidence = excluded.confidence, payee = excluded.payee`,
    values: [
      lines.map(({ postingId }) => postingId),
      lines.map(({ accountId }) => accountId),
      lines.map(({ lineType }) => lineType),
      lines.map(({ description }) => description),
      lines.map(({ at }) => at),
      ...sharedValues(lines),
    ],
  });
}

/** Notes lines of outside accounts. */
export async function recordExternalLines(tx: Queryable, imported: readonly ExternalLine[]): Promise<void> {
  const lines = [...new Map(imported.map((line) => [line.externalTransactionId, line])).values()];
  if (lines.length === 0) return;
  await tx.query({
    name: 'insights-record-external-lines',
    text: `INSERT INTO external_line (external_transaction_id, payment_method_id, description, merchant_category, booked_on, ${SHARED_COLUMNS})
           SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::date[],
                                $6::uuid[], $7::text[], $8::numeric[], $9::boolean[], $10::text[], $11::text[], $12::smallint[], $13::text[], $14::text[])
           ON CONFLICT (external_transaction_id) DO UPDATE
           SET own_money = excluded.own_money, category = excluded.category, rule = excluded.rule,
               confidence = excluded.confidence, payee = excluded.payee`,
    values: [
      lines.map(({ externalTransactionId }) => externalTransactionId),
      lines.map(({ paymentMethodId }) => paymentMethodId),
      lines.map(({ description }) => description),
      lines.map(({ merchantCategory }) => merchantCategory),
      lines.map(({ bookedOn }) => bookedOn),
      ...sharedValues(lines),
    ],
  });
}

const SHARED_COLUMNS = 'owner_id, currency, amount, own_money, category, rule, confidence, payee, counterparty';

function sharedValues(lines: readonly CategorisedLine[]): unknown[] {
  return [
    lines.map(({ ownerId }) => ownerId),
    lines.map(({ currency }) => currency),
    lines.map(({ amountMinor }) => amountMinor.toString()),
    lines.map(({ ownMoney }) => ownMoney),
    lines.map(({ category }) => category),
    lines.map(({ rule }) => rule),
    lines.map(({ confidencePercent }) => confidencePercent),
    lines.map(({ payee }) => payee),
    lines.map(({ counterparty }) => counterparty),
  ];
}

/** Notes new accounts. A posting may have been here before. */
export async function recordAccounts(tx: Queryable, opened: readonly EventPayloads['AccountOpened'][]): Promise<void> {
  if (opened.length === 0) return;
  await tx.query({
    name: 'insights-record-accounts',
    text: `INSERT INTO account (id, owner_id, currency, opened_at)
           SELECT DISTINCT ON (id) * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[])
             AS opened (id, owner_id, currency, opened_at)
           ON CONFLICT (id) DO UPDATE SET opened_at = excluded.opened_at`,
    values: [
      opened.map(({ accountId }) => accountId),
      opened.map(({ ownerId }) => ownerId),
      opened.map(({ currency }) => currency),
      opened.map(({ at }) => at),
    ],
  });
}

/** Notes what is available on accounts. Each change carries the whole balance, so that only the newest version counts. */
export async function recordBalances(tx: Queryable, changes: readonly BalanceChange[]): Promise<void> {
  if (changes.length === 0) return;
  const available = ({ posted, held, overdraft }: BalanceChange) => BigInt(posted) - BigInt(held) + BigInt(overdraft);
  await tx.query({
    name: 'insights-record-balances',
    text: `INSERT INTO account (id, owner_id, currency, version, available, changed_at)
           SELECT DISTINCT ON (id) *
           FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::numeric[], $6::timestamptz[])
             AS change (id, owner_id, currency, version, available, changed_at)
           ORDER BY id, version DESC
           ON CONFLICT (id) DO UPDATE
           SET version = excluded.version, available = excluded.available, changed_at = excluded.changed_at
           WHERE account.version < excluded.version`,
    values: [
      changes.map(({ accountId }) => accountId),
      changes.map(({ ownerId }) => ownerId),
      changes.map(({ currency }) => currency),
      changes.map(({ version }) => version),
      changes.map((change) => available(change).toString()),
      changes.map(({ at }) => at),
    ],
  });
}

/** Notes that an outside source was connected or disconnected; the later one counts. */
export async function recordLink(
  tx: Queryable,
  {
    paymentMethodId,
    ownerId,
    at,
    isActive,
  }: { paymentMethodId: string; ownerId: string; at: string; isActive: boolean },
): Promise<void> {
  await tx.query({
    name: 'insights-record-link',
    text: `INSERT INTO external_source (payment_method_id, owner_id, is_active, linked_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (payment_method_id) DO UPDATE SET is_active = excluded.is_active, linked_at = excluded.linked_at
           WHERE external_source.linked_at IS NULL OR external_source.linked_at <= excluded.linked_at`,
    values: [paymentMethodId, ownerId, isActive, at],
  });
}

/** Notes the balance of an outside source; the later one counts. */
export async function recordSeenBalance(
  tx: Queryable,
  { paymentMethodId, ownerId, balanceMinor, currency, balanceAsOf, at }: EventPayloads['PaymentMethodSynced'],
): Promise<void> {
  await tx.query({
    name: 'insights-record-seen-balance',
    text: `INSERT INTO external_source (payment_method_id, owner_id, balance, currency, seen_at, balance_as_of) VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT (payment_method_id) DO UPDATE
           SET balance = excluded.balance, currency = excluded.currency, seen_at = excluded.seen_at,
               balance_as_of = excluded.balance_as_of
           WHERE external_source.seen_at IS NULL OR external_source.seen_at <= excluded.seen_at`,
    values: [paymentMethodId, ownerId, balanceMinor, currency, at, balanceAsOf],
  });
}
