import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { newId, type TransferId } from '../../platform/ids.ts';
import { createLog } from '../../platform/log.ts';
import { createLedgerWorld, movement, type LedgerWorld } from '../../tests/ledger-world.ts';
import { planned } from '../../tests/planned-transfers.ts';
import { postEntry } from '../../ledger/post.ts';
import { proveTransfers } from './check.ts';
import { createPoster } from './poster.ts';

let world: LedgerWorld;
let transferId: TransferId;
let refusedId: TransferId;
let admin: pg.Pool;
beforeAll(async () => {
  world = await createLedgerWorld();
  admin = world.database.pool('postgres', { max: 1 });
  const poster = createPoster({
    pool: world.database.pool('dwaybank_transfer'),
    wakeUp: { signal: () => {} },
    log: createLog('silent'),
  });
  const [from, to] = await Promise.all([world.funded(1_000n), world.open()]);
  const [done, refused] = [planned(from, to, 100n), planned(from, to, 5_000n)];
  expect(await poster.post(done)).toMatchObject({ outcome: 'DONE' });
  expect(await poster.post(refused)).toMatchObject({ outcome: 'REFUSED' });
  await poster.stop();
  transferId = done.transferId;
  refusedId = refused.transferId;
  await postEntry(world.ledger, movement(from, to, 1n));
});
afterAll(() => world.drop());

test('transfers that are right are proved, by the service’s own role', async () => {
  expect(await proveTransfers(world.database.pool('dwaybank_transfer'))).toEqual({ transfers: 1, findings: [] });
});

/** Stores a quote that the transfer is said to have been made at. */
function quoteOf({ usedBy = 't.id', fees = '0', arrives = 't.amount' }): string {
  return `INSERT INTO transfer.quote (id, user_id, source_hash, destination_hash, type, amount, currency, preference, fees, fee_lines,
      destination_amount, destination_currency, options, created_at, expires_at, used_by)
    SELECT gen_random_uuid(), t.user_id, '', '', t.type, t.amount, t.currency, 'BALANCED', ${fees}, '[]', ${arrives}, t.currency, '[]',
      now(), now(), ${usedBy} FROM transfer.transfer t WHERE t.id = '$ID'`;
}

describe('what was tampered with is found out:', () => {
  test.each([
    [
      'a transfer without its entry',
      `UPDATE ledger.entry SET transfer_id = NULL WHERE transfer_id = '$ID'`,
      'completed transfer has not exactly one entry',
    ],
    [
      'a transfer posted twice',
      `UPDATE ledger.entry SET transfer_id = '$ID', kind = 'TRANSFER'`,
      'completed transfer has not exactly one entry',
    ],
    ['a removed transfer', `DELETE FROM transfer.transfer`, 'entry of a transfer that does not exist'],
    ['a removed transfer', `DELETE FROM transfer.transfer`, 'accepted key without transfer'],
    ['another amount', `UPDATE transfer.transfer SET amount = amount + 1`, 'transfer moved another amount'],
    [
      'another destination',
      `UPDATE transfer.transfer SET destination_account_id = gen_random_uuid()`,
      'transfer moved another amount',
    ],
    [
      'another arrival',
      `UPDATE transfer.transfer SET destination_amount = destination_amount + 1`,
      'transfer moved another amount',
    ],
    [
      'an arrival in another currency',
      `UPDATE transfer.transfer SET destination_currency = 'EUR'`,
      'transfer without exchange changed its amount',
    ],
    [
      'a completion taken back',
      `UPDATE transfer.transfer SET status = 'FAILED'`,
      'transfer that is not completed has an entry',
    ],
    [
      'a removed key',
      `DELETE FROM transfer.idempotency_key WHERE verdict IS NULL`,
      'transfer has not exactly one accepted key',
    ],
    [
      'a refusal that was done',
      `UPDATE transfer.idempotency_key SET verdict = 'INSUFFICIENT_FUNDS' WHERE transfer_id = '$ID'`,
      'refused key with a transfer',
    ],
    [
      'a refusal turned into a yes',
      `UPDATE transfer.idempotency_key SET verdict = NULL WHERE transfer_id = '$REFUSED'`,
      'accepted key without transfer',
    ],
    ['a fee without a line', `UPDATE transfer.transfer SET fees = 1`, 'fee is not the sum of its lines'],
    [
      'a line that was not charged',
      `UPDATE transfer.transfer SET fee_lines = '[{"amountMinor": "1"}]'`,
      'fee is not the sum of its lines',
    ],
    ['a quote used by nothing', quoteOf({ usedBy: 'gen_random_uuid()' }), 'transfer is not what its quote promised'],
    ['a quote of another fee', quoteOf({ fees: '1' }), 'transfer is not what its quote promised'],
    ['a quote of another arrival', quoteOf({ arrives: 't.amount - 1' }), 'transfer is not what its quote promised'],
  ])('%s (%#)', async (_, tampering, problem) => {
    const client = await admin.connect();
    try {
      await client.query('BEGIN');
      await client.query('SET LOCAL session_replication_role = replica');
      const sql = tampering.replaceAll('$ID', transferId).replaceAll('$REFUSED', refusedId);
      expect((await client.query(sql)).rowCount).toBeGreaterThan(0);
      expect((await proveTransfers(client)).findings.map((finding) => finding.problem)).toContain(problem);
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
  });

  test('a transfer that nobody asked for', async () => {
    const id = newId<TransferId>();
    const client = await admin.connect();
    try {
      await client.query('BEGIN');
      await client.query(
        `INSERT INTO transfer.transfer
         SELECT (jsonb_populate_record(t, jsonb_build_object('id', $1::uuid))).* FROM transfer.transfer t`,
        [id],
      );
      const { findings } = await proveTransfers(client);
      expect(
        findings
          .filter(({ subject }) => subject === id)
          .map(({ problem }) => problem)
          .sort(),
      ).toEqual(['completed transfer has not exactly one entry', 'transfer has not exactly one accepted key']);
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
  });
});
