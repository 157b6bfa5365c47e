import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createLedgerWorld, movement, type LedgerWorld, type TestAccount } from '../tests/ledger-world.ts';
import { postEntry } from '../ledger/post.ts';

let world: LedgerWorld;
let from: TestAccount;
beforeAll(async () => {
  world = await createLedgerWorld();
  from = await world.funded(100_000n);
  await postEntry(world.ledger, movement(from, await world.open(), 1_250n));
});
afterAll(() => world.drop());

function ledgerCheck(...options: string[]) {
  const { adminUrl, secret } = world.database;
  const env = { PATH: process.env.PATH, DATABASE_URL: adminUrl, DWAYBANK_SECRET: secret, REDIS_URL: '' };
  const child = spawnSync(process.execPath, ['--import', 'tsx', 'scripts/ledger-check.ts', ...options], {
    env,
    encoding: 'utf8',
  });
  return { exitCode: child.status, output: child.stdout, errors: child.stderr };
}

describe('npm run ledger:check', () => {
  test('prints its figures and "books ok"', () => {
    const { exitCode, output, errors } = ledgerCheck();
    expect(errors).toBe('');
    expect(output.trim().split('\n')).toEqual([
      'transfers  0',
      'accounts   2 of customers, 1 of the bank',
      'entries    2 with 4 postings',
      'versions   3',
      'holds      0, 0 of them open',
      'USD        customers have 1000.00; all postings sum to 0.00',
      'books ok',
    ]);
    expect(exitCode).toBe(0);
  });

  test('says what is wrong where, and fails, without a word of "books ok"', async () => {
    const tamper = (by: string) =>
      world.admin.query({
        text: `SET session_replication_role = replica; UPDATE ledger.account SET posted = posted ${by} WHERE id = '${from.accountId}';
               SET session_replication_role = DEFAULT`,
      });
    await tamper('+ 1');
    const { exitCode, output, errors } = ledgerCheck();
    await tamper('- 1');
    expect(exitCode).toBe(1);
    expect(output).toContain(
      `WRONG      balance is not the sum of its postings: ${from.accountId} (balance 98751, postings 98750)`,
    );
    expect(output).not.toContain('books ok');
    expect(errors).toBe('The books are not right: see the lines above.\n');
  });

  test('has --help, and knows no other option', () => {
    expect(ledgerCheck('--help')).toMatchObject({ exitCode: 0, output: expect.stringContaining('Proves the books') });
    expect(ledgerCheck('--all')).toMatchObject({
      exitCode: 1,
      errors: expect.stringContaining("Unknown option '--all'"),
    });
  });
});
