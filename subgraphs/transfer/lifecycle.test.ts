import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { createTestDatabase, type TestDatabase } from '../../tests/database.ts';
import { hasEnded, LIFECYCLE, type NextOf } from './domain.ts';
import type { TransferStatus } from './generated/resolvers.ts';

let database: TestDatabase;
let admin: pg.Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  admin = database.pool('postgres', { max: 2 });
});
afterAll(() => database.drop());

// The cast: Object.keys forgets what the keys are.
const STATUSES = Object.keys(LIFECYCLE) as TransferStatus[];

/** Stores a transfer in a status, as if it had come there. */
async function stored(status: TransferStatus): Promise<string> {
  const { rows } = await admin.query<{ id: string }>(
    `INSERT INTO transfer.transfer (id, user_id, type, status, amount, currency, destination_amount, destination_currency, source_label,
       destination_label, failure_code, timeline, created_at, updated_at)
     VALUES (gen_random_uuid(), gen_random_uuid(), 'INTERNAL', $1, 100, 'USD', 100, 'USD', 'A', 'B', null,
       jsonb_build_array(jsonb_build_object('status', $1::text, 'at', '2026-01-01T00:00:00.000Z')), now(), now()) RETURNING id`,
    [status],
  );
  return rows[0]!.id;
}

describe('the lifecycle of a transfer', () => {
  test('is the same table in the code and in the database', async () => {
    const { rows } = await admin.query<{ from: TransferStatus; to: TransferStatus; may: boolean; ended: boolean }>(
      `SELECT f AS "from", t AS "to", transfer.may_follow(f, t) AS may, transfer.has_ended(f) AS ended
       FROM unnest($1::text[]) AS f, unnest($1::text[]) AS t`,
      [STATUSES],
    );
    expect(rows).toHaveLength(STATUSES.length ** 2);
    for (const { from, to, may, ended } of rows) {
      const next: readonly TransferStatus[] = LIFECYCLE[from];
      expect([from, to, may, ended]).toEqual([from, to, next.includes(to), hasEnded(from)]);
    }
  });

  test('is kept by the database: every other move is refused, whoever writes it', async () => {
    for (const from of STATUSES) {
      const id = await stored(from);
      const next: readonly TransferStatus[] = LIFECYCLE[from];
      for (const to of STATUSES.filter((status) => status !== from && !next.includes(status))) {
        await expect(admin.query('UPDATE transfer.transfer SET status = $2 WHERE id = $1', [id, to])).rejects.toThrow(
          `${to} cannot follow ${from}`,
        );
      }
    }
  });

  test('lets what has ended be told more about, and nothing that was told change', async () => {
    const id = await stored('FAILED');
    const change = (set: string) => admin.query(`UPDATE transfer.transfer SET ${set} WHERE id = $1`, [id]);
    await change(`timeline = timeline || '[{"status": "FAILED", "step": "LATE"}]'`);
    for (const set of [
      `failure_code = 'other'`,
      `timeline = '[]'`,
      `timeline = jsonb_set(timeline, '{0,at}', '"2027-01-01"')`,
      'fees = 1',
    ]) {
      await expect(change(set)).rejects.toThrow('what was told of it stays');
    }
    await expect(change('amount = 1, destination_amount = 1')).rejects.toThrow('never changes');
    await expect(admin.query('DELETE FROM transfer.transfer WHERE id = $1', [id])).rejects.toThrow('never removed');
  });

  test('never changes what is moved between whom, and by what', async () => {
    const id = await stored('INITIATED');
    for (const [column, value] of [
      ['destination_reference', `'iban:DE89370400440532013000'`],
      ['destination_holder', `'Eve'`],
      ['hold_id', 'gen_random_uuid()'],
      ['destination_payment_method_id', 'gen_random_uuid()'],
      ['refund_of', 'gen_random_uuid()'],
      ['source_account_id', 'gen_random_uuid()'],
      ['user_id', 'gen_random_uuid()'],
    ]) {
      await expect(
        admin.query(`UPDATE transfer.transfer SET ${column} = ${value} WHERE id = $1`, [id]),
      ).rejects.toThrow('what it moves between whom never changes');
    }
    await admin.query(`UPDATE transfer.transfer SET updated_at = now() WHERE id = $1`, [id]);
  });

  test('does not compile another way', () => {
    const next: NextOf<'BALANCE_RESERVED'> = 'SENT_TO_PROVIDER';
    // @ts-expect-error money that was not sent has not arrived
    const wrong: NextOf<'BALANCE_RESERVED'> = 'COMPLETED';
    // @ts-expect-error what may follow one of them only
    const notBoth: NextOf<'INITIATED' | 'BALANCE_RESERVED'> = 'VALIDATING';
    // @ts-expect-error what has ended goes nowhere
    const dead: NextOf<'FAILED'> = 'COMPLETED';
    expect([next, wrong, notBoth, dead]).toHaveLength(4);
  });
});
