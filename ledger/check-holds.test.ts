import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { HoldId } from '../platform/ids.ts';
import { createLedgerWorld, movement, type LedgerWorld, type TestAccount } from '../tests/ledger-world.ts';
import { formatBooksReport, proveBooks } from './check.ts';
import { captureHold, increaseHold } from '../tests/holds.ts';
import { releaseHold } from './holds.ts';
import { postEntry } from './post.ts';

let world: LedgerWorld;
let from: TestAccount;
let to: TestAccount;
/** One hold that is open, one captured in part with the rest released, one released. */
let open: HoldId;
let captured: HoldId;
let released: HoldId;
beforeAll(async () => {
  world = await createLedgerWorld();
  from = await world.funded(1_000n);
  to = await world.open();
  const spending = {
    ownerId: from.ownerId,
    usdMinor: 90n,
    amountMinor: 100n,
    bankDailyUsdMinor: 1_000n,
    bankMonthlyUsdMinor: 1_000n,
  };
  open = await world.hold(from, 100n, { spending });
  await increaseHold(world.ledger, open, 50n, spending);
  await releaseHold(world.ledger, open, 10n);
  captured = await world.hold(from, 200n, { spending });
  await captureHold(world.ledger, captured, movement(from, to, 120n), { final: true });
  released = await world.hold(from, 30n);
  await releaseHold(world.ledger, released);
  await postEntry(world.ledger, movement(from, to, 1n));
});
afterAll(() => world.drop());

test('books with holds are proved, with their figures', async () => {
  const report = await proveBooks(world.ledger);
  expect(report).toMatchObject({ figures: { holds: 3, openHolds: 1 }, findings: [] });
  expect(formatBooksReport(report)).toMatch(/^holds {6}3, 1 of them open$/m);
});

/** The tampering of somebody who may do anything: triggers and checks are off. Undone after the proof. */
async function problemsAfter(tampering: string): Promise<string[]> {
  const client = await world.database.pool('postgres', { max: 1 }).connect();
  try {
    await client.query('BEGIN');
    await client.query('SET LOCAL session_replication_role = replica');
    await client.query(`ALTER TABLE ledger.hold DROP CONSTRAINT no_more_than_was_held,
      DROP CONSTRAINT open_while_something_is_left, DROP CONSTRAINT ended_unless_open`);
    const { rowCount } = await client.query(
      tampering
        .replaceAll('$FROM', `'${from.accountId}'`)
        .replaceAll('$OPEN', `'${open}'`)
        .replaceAll('$CAPTURED', `'${captured}'`)
        .replaceAll('$RELEASED', `'${released}'`),
    );
    expect(rowCount).toBeGreaterThan(0);
    const report = await proveBooks(client);
    expect(report.findings.every(({ subject }) => subject.length > 0)).toBe(true);
    return report.findings.map(({ problem }) => problem);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

test.each([
  [
    'held without a hold',
    `UPDATE ledger.account SET held = held + 1 WHERE id = $FROM`,
    'held is not what open holds hold',
  ],
  [
    'a hold that ended by itself',
    `UPDATE ledger.hold SET status = 'RELEASED', released = amount, ended_at = now() WHERE id = $OPEN`,
    'held is not what open holds hold',
  ],
  [
    'a hold that ended by itself',
    `UPDATE ledger.hold SET status = 'RELEASED', released = amount, ended_at = now() WHERE id = $OPEN`,
    'hold is not what happened to it',
  ],
  [
    'held of another size at a version',
    `UPDATE ledger.balance_changes SET held = held + 1 WHERE account_id = $FROM AND version = 3`,
    'held at a version is not what happened to holds',
  ],
  [
    'a hold of another version',
    `UPDATE ledger.hold_change SET version = 99 WHERE hold_id = $OPEN AND kind = 'PLACED'`,
    'held at a version is not what happened to holds',
  ],
  [
    'a hold of another time than its version',
    `UPDATE ledger.hold_change SET at = at + interval '1 hour' WHERE hold_id = $OPEN AND kind = 'INCREASED'`,
    'held at a version is not what happened to holds',
  ],
  ['a larger hold', `UPDATE ledger.hold SET amount = amount + 1 WHERE id = $OPEN`, 'hold is not what happened to it'],
  [
    'a larger capture',
    `UPDATE ledger.hold SET captured = 121, released = 79 WHERE id = $CAPTURED`,
    'hold is not what happened to it',
  ],
  ['another end', `UPDATE ledger.hold SET status = 'EXPIRED' WHERE id = $RELEASED`, 'hold is not what happened to it'],
  [
    'a hold that ended later',
    `UPDATE ledger.hold SET ended_at = now() WHERE id = $RELEASED`,
    'hold is not what happened to it',
  ],
  ['a removed hold', `DELETE FROM ledger.hold WHERE id = $RELEASED`, 'hold is not what happened to it'],
  ['a removed history', `DELETE FROM ledger.hold_change WHERE hold_id = $RELEASED`, 'hold is not what happened to it'],
  [
    'a hold for somebody else',
    `UPDATE ledger.hold SET owner_id = gen_random_uuid() WHERE id = $OPEN`,
    'hold without its account',
  ],
  [
    'a hold in another currency',
    `UPDATE ledger.hold SET currency = 'EUR' WHERE id = $OPEN`,
    'hold without its account',
  ],
  ['a closed account', `UPDATE ledger.account SET status = 'CLOSED' WHERE id = $FROM`, 'open hold on a closed account'],
  [
    'a capture of more than was posted',
    `UPDATE ledger.hold_change SET amount = amount + 1 WHERE hold_id = $CAPTURED AND kind = 'CAPTURED'`,
    'capture is not what its entry posted',
  ],
  [
    'a capture by no entry',
    `UPDATE ledger.hold_change SET posting_id = gen_random_uuid() WHERE hold_id = $CAPTURED AND kind = 'CAPTURED'`,
    'capture is not what its entry posted',
  ],
  [
    'a capture by no entry',
    `UPDATE ledger.hold_change SET posting_id = gen_random_uuid() WHERE hold_id = $CAPTURED AND kind = 'CAPTURED'`,
    'capture leaves out what its entry posted',
  ],
  [
    'one posting captured twice',
    `INSERT INTO ledger.hold_change SELECT $OPEN, version, kind, amount, account_id, entry_id, posting_id, at
     FROM ledger.hold_change WHERE kind = 'CAPTURED'`,
    'posting is captured several times',
  ],
  [
    'a capture that counts again',
    `UPDATE ledger.entry SET spent_by = (SELECT owner_id FROM ledger.account WHERE id = $FROM), spent_usd = 0
     WHERE id = (SELECT entry_id FROM ledger.hold_change WHERE kind = 'CAPTURED')`,
    'captured spending is counted twice',
  ],
  [
    'spending of a hold that is forgotten',
    `DELETE FROM ledger.hold_spending WHERE hold_id = $OPEN AND part = 2`,
    'spending of a hold is counted wrong',
  ],
  [
    'spending of a hold that is forgotten',
    `DELETE FROM ledger.hold_spending WHERE hold_id = $OPEN AND part = 2`,
    'spending is counted wrong',
  ],
  [
    'more given back than was released',
    `UPDATE ledger.hold_spending SET returned = returned + 1 WHERE hold_id = $OPEN AND part = 1`,
    'spending of a hold is counted wrong',
  ],
  [
    'given back out of proportion',
    `UPDATE ledger.hold_spending SET usd_returned = usd_returned + 1 WHERE hold_id = $CAPTURED`,
    'spending of a hold is counted wrong',
  ],
  [
    'a hold that counts for nobody',
    `UPDATE ledger.hold SET spent_by = NULL WHERE id = $OPEN`,
    'spending of a hold is counted wrong',
  ],
])('%s is found out (%#)', async (_, tampering, problem) => {
  expect(await problemsAfter(tampering)).toContain(problem);
  expect((await proveBooks(world.ledger)).findings).toEqual([]);
});
