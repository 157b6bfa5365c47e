import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import { createLedgerWorld, movement, type LedgerWorld, type TestAccount } from '../tests/ledger-world.ts';
import { formatBooksReport, proveBooks } from './check.ts';
import { setSpendingLimit } from './limits.ts';
import { postEntries, postEntry } from './post.ts';

let world: LedgerWorld;
let from: TestAccount;
let to: TestAccount;
beforeAll(async () => {
  world = await createLedgerWorld();
  from = await world.funded(1_000n);
  to = await world.open();
  const spending = {
    ownerId: from.ownerId,
    usdMinor: 3n,
    currency: 'USD',
    amountMinor: 3n,
    bankDailyUsdMinor: 10n,
    bankMonthlyUsdMinor: 10n,
  };
  await setSpendingLimit(world.ledger, { ownerId: from.ownerId, scope: 'USD', dailyMinor: 10n, monthlyMinor: null });
  await postEntries(world.ledger, [
    movement(from, to, 1n),
    movement(from, to, 2n),
    { ...movement(from, to, 3n), spending },
  ]);
  await world.open();
});
afterAll(() => world.drop());

describe('books that are right', () => {
  test('are proved, with their figures', async () => {
    const report = await proveBooks(world.ledger);
    expect(report).toEqual({
      figures: {
        customerAccounts: 3,
        systemAccounts: 1,
        entries: 4,
        postings: 8,
        versions: 7,
        holds: 0,
        openHolds: 0,
        currencies: [{ currency: 'USD', heldByCustomersMinor: '1000', sumMinor: '0' }],
      },
      findings: [],
    });
    expect(formatBooksReport(report).split('\n').at(-1)).toBe('books ok');
  });

  test('of an empty bank are proved too', async () => {
    const empty = await createLedgerWorld();
    expect(await proveBooks(empty.ledger)).toMatchObject({ figures: { postings: 0, currencies: [] }, findings: [] });
    await empty.drop();
  });

  test('are proved beside postings under way', async () => {
    const [a, b] = await Promise.all([world.funded(100_000n), world.funded(100_000n)]);
    let posting = true;
    const postings = Promise.all(
      Array.from({ length: 6 }, async (_, index) => {
        for (let round = 0; round < 25; round++) {
          await postEntry(world.ledger, index % 2 ? movement(a, b, 7n) : movement(b, a, 5n));
        }
      }),
    ).finally(() => {
      posting = false;
    });
    let proofs = 0;
    while (posting) {
      expect((await proveBooks(world.ledger)).findings).toEqual([]);
      proofs++;
    }
    await postings;
    expect(proofs).toBeGreaterThan(1);
  });
});

/** The tampering of somebody who may do anything: triggers and checks are off. Undone after the proof. */
async function findingsAfter(tampering: string): Promise<{ problem: string; subject: string }[]> {
  const client: pg.PoolClient = await world.database.pool('postgres', { max: 1 }).connect();
  try {
    await client.query('BEGIN');
    await client.query('SET LOCAL session_replication_role = replica');
    await client.query('ALTER TABLE ledger.account DROP CONSTRAINT customer_is_never_negative');
    const { rowCount } = await client.query(tampering);
    expect(rowCount).toBeGreaterThan(0);
    const report = await proveBooks(client);
    expect(formatBooksReport(report)).not.toContain('books ok');
    return report.findings;
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
}

describe('books that were tampered with are found out:', () => {
  const one = `(SELECT id FROM ledger.posting WHERE account_id = '$TO' ORDER BY amount LIMIT 1)`;
  test.each([
    [
      'a changed amount',
      `UPDATE ledger.posting SET amount = amount + 1 WHERE id = ${one}`,
      'postings of a currency do not sum to zero',
    ],
    [
      'a changed amount',
      `UPDATE ledger.posting SET amount = amount + 1 WHERE id = ${one}`,
      'entry does not sum to zero',
    ],
    [
      'a changed amount',
      `UPDATE ledger.posting SET amount = amount + 1 WHERE id = ${one}`,
      'balance is not the sum of its postings',
    ],
    [
      'a changed amount',
      `UPDATE ledger.posting SET amount = amount + 1 WHERE id = ${one}`,
      'posting and its version do not agree',
    ],
    [
      'a swapped sign',
      `UPDATE ledger.posting SET amount = -amount WHERE entry_id = (SELECT entry_id FROM ledger.posting WHERE id = ${one})`,
      'balance is not the sum of its postings',
    ],
    [
      'a posting moved to another account',
      `UPDATE ledger.posting SET account_id = '$FROM' WHERE id = ${one}`,
      'posting and its version do not agree',
    ],
    ['a removed posting', `DELETE FROM ledger.posting WHERE id = ${one}`, 'entry does not sum to zero'],
    [
      'a removed entry',
      `DELETE FROM ledger.entry WHERE id = (SELECT entry_id FROM ledger.posting WHERE id = ${one})`,
      'posting without entry, or of another time than its entry',
    ],
    [
      'an entry out of nothing',
      `INSERT INTO ledger.entry (id, kind, at) VALUES (gen_random_uuid(), 'FUNDING', now())`,
      'entry without postings',
    ],
    [
      'a posting on no account',
      `UPDATE ledger.posting SET account_id = gen_random_uuid() WHERE id = ${one}`,
      'posting without account, or in another currency than its account',
    ],
    [
      'a posting in another currency',
      `UPDATE ledger.posting SET currency = 'EUR' WHERE entry_id = (SELECT entry_id FROM ledger.posting WHERE id = ${one})`,
      'posting without account, or in another currency than its account',
    ],
    [
      'money from nothing',
      `UPDATE ledger.account SET posted = posted + 1 WHERE id = '$TO'`,
      'balance is not the sum of its postings',
    ],
    [
      'money from nothing',
      `UPDATE ledger.account SET posted = posted + 1 WHERE id = '$TO'`,
      'balance is not its last version',
    ],
    [
      'a version ahead',
      `UPDATE ledger.account SET version = version + 1 WHERE id = '$TO'`,
      'balance is not its last version',
    ],
    [
      'a hold that nobody made',
      `UPDATE ledger.account SET held = 1 WHERE id = '$TO'`,
      'balance is not its last version',
    ],
    [
      'a skipped version',
      `UPDATE ledger.balance_changes SET version = version + 1 WHERE account_id = '$TO' AND version = 3`,
      'versions have a gap',
    ],
    [
      'a removed version',
      `DELETE FROM ledger.balance_changes WHERE account_id = '$TO' AND version = 2`,
      'versions have a gap',
    ],
    [
      'another balance at a version',
      `UPDATE ledger.balance_changes SET posted = posted + 1 WHERE account_id = '$TO' AND version = 2`,
      'version does not follow from the one before',
    ],
    [
      'a time that falls',
      `UPDATE ledger.balance_changes SET at = at + interval '1 hour' WHERE account_id = '$TO' AND version = 2`,
      'version does not follow from the one before',
    ],
    [
      'a version of no account',
      `UPDATE ledger.balance_changes SET account_id = gen_random_uuid() WHERE account_id = '$TO' AND version = 3`,
      'change without account',
    ],
    ['a customer below zero', `UPDATE ledger.account SET posted = -1 WHERE id = '$TO'`, 'customer balance below zero'],
    [
      'a customer who was below zero',
      `UPDATE ledger.balance_changes SET posted = -1 WHERE account_id = '$TO' AND version = 1`,
      'customer balance was below zero',
    ],
    [
      'one posting counted twice',
      `UPDATE ledger.balance_changes SET posting_id = (SELECT posting_id FROM ledger.balance_changes WHERE account_id = '$TO' AND version = 1) WHERE account_id = '$TO' AND version = 2`,
      'posting has several versions',
    ],
    [
      'a change without a posting',
      `UPDATE ledger.balance_changes SET posting_id = NULL WHERE account_id = '$TO' AND version = 2`,
      'change without posting moves money',
    ],
    [
      'a total that forgets',
      `UPDATE ledger.spending_limit SET day_spent = 0 WHERE scope = 'TOTAL'`,
      'spending is counted wrong',
    ],
    [
      'a currency that forgets',
      `UPDATE ledger.spending_limit SET month_spent = 0 WHERE scope = 'USD'`,
      'spending is counted wrong',
    ],
    [
      'spending that never was',
      'UPDATE ledger.entry SET spent_usd = 1 WHERE spent_by IS NOT NULL',
      'spending is counted wrong',
    ],
    [
      'spending by somebody else',
      'UPDATE ledger.entry SET spent_by = gen_random_uuid() WHERE spent_by IS NOT NULL',
      'spending that nobody counts, or nobody pays',
    ],
  ])('%s (%#)', async (_, tampering, problem) => {
    const findings = await findingsAfter(tampering.replaceAll('$TO', to.accountId).replaceAll('$FROM', from.accountId));
    expect(findings.map((finding) => finding.problem)).toContain(problem);
    expect(findings.every(({ subject }) => subject.length > 0)).toBe(true);
    // And nothing of it stayed.
    expect((await proveBooks(world.ledger)).findings).toEqual([]);
  });

  test('many faults of one kind are not all listed', async () => {
    const findings = await findingsAfter('UPDATE ledger.posting SET amount = amount + 1000000');
    expect(findings.filter(({ problem }) => problem === 'entry does not sum to zero')).toHaveLength(20);
  });
});
