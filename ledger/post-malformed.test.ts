import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { expectBooksOk } from '../tests/books.ts';
import {
  createLedgerWorld,
  entryOf,
  leg,
  movement,
  type LedgerWorld,
  type TestAccount,
} from '../tests/ledger-world.ts';
import { balances } from './balances.ts';
import { postEntries } from './post.ts';

let world: LedgerWorld;
beforeAll(async () => {
  world = await createLedgerWorld();
});
afterEach(() => expectBooksOk(world.admin));
afterAll(() => world.drop());

const balanceOf = async ({ accountId }: TestAccount) => (await balances(world.ledger, [accountId])).get(accountId)!;

describe('what is no entry raises, and takes the whole batch back,', () => {
  const bad: [string, (a: TestAccount, b: TestAccount) => ReturnType<typeof leg>[]][] = [
    ['not summing to zero', (a, b) => [leg(a.accountId, -10n), leg(b.accountId, 11n)]],
    [
      'summing to zero only over two currencies',
      (a, b) => [leg(a.accountId, -10n, 'USD'), leg(b.accountId, 10n, 'EUR')],
    ],
    ['moving nothing', (a, b) => [leg(a.accountId, 0n), leg(b.accountId, 0n)]],
    ['one leg only', (a) => [leg(a.accountId, -10n)]],
    ['no legs', () => []],
  ];
  test.each(bad)('%s', async (_, legs) => {
    const a = await world.funded(100n);
    const b = await world.open();
    const batch = [movement(a, b, 1n), entryOf(legs(a, b)), movement(a, b, 1n)];
    await expect(postEntries(world.ledger, batch)).rejects.toMatchObject({ code: 'DW003' });
    expect(await balanceOf(a)).toMatchObject({ postedMinor: 100n, version: 1 });
  });

  test.each(['0.5', 'NaN', 'Infinity'])('amounts of %s', async (amount) => {
    const a = await world.funded(100n);
    const b = await world.open();
    const call = world.ledger.query({
      text: `SELECT * FROM ledger.post_batch(ARRAY[gen_random_uuid()], ARRAY['T'], ARRAY[NULL]::uuid[], ARRAY[NULL]::text[], ARRAY[true],
               ARRAY[1, 1], ARRAY[gen_random_uuid(), gen_random_uuid()], ARRAY[$1, $2]::uuid[], ARRAY['USD', 'USD'],
               ARRAY[-$3::numeric, $3::numeric], ARRAY['FEE', 'FEE'], ARRAY[NULL, NULL]::text[])`,
      values: [a.accountId, b.accountId, amount],
    });
    await expect(call).rejects.toMatchObject({ code: 'DW003' });
    expect(await balanceOf(a)).toMatchObject({ postedMinor: 100n, version: 1 });
  });
});
