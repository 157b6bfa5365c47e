import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { newId, type TransferId } from '../../../platform/ids.ts';
import { openTransferWorld, type Customer, type TransferWorld } from '../../../tests/transfer-world.ts';
import { until } from '../../../tests/until.ts';

/* Quotes at the door of the database: what it says no to by itself, whatever was looked at before. */

let world: TransferWorld;
let ada: Customer;
beforeAll(async () => {
  world = await openTransferWorld();
  ada = await world.customer('Ada');
});
afterAll(() => world.close());

const QUOTE = `mutation ($input: QuoteTransferInput!) { quoteTransfer(input: $input) { quote { id } userErrors { code } } }`;

async function quote(): Promise<string> {
  const [from, to] = [await world.account(ada, 'USD', { funds: '10.00' }), await world.account(ada, 'USD')];
  const amount = { amount: '1.00', currency: 'USD' };
  const input = { source: { accountId: from }, destination: { accountId: to }, amount };
  const { data } = await world.execute(ada, QUOTE, { input });
  return (data!['quoteTransfer'] as { quote: { id: string } }).quote.id;
}

const use = `SELECT transfer.use_quote($1, $2, $3) AS verdict`;

test('a quote is used by its owner alone, and by one transfer, which may say so again', async () => {
  const id = await quote();
  const [other, transfer] = [await world.customer('Ben'), newId<TransferId>()];
  const verdictOf = async (user: Customer, by: TransferId) =>
    (await world.admin.query<{ verdict: string | null }>(use, [id, user.userId, by])).rows[0]!.verdict;
  expect(await verdictOf(other, transfer)).toBe('UNKNOWN_QUOTE');
  expect([await verdictOf(ada, transfer), await verdictOf(ada, transfer)]).toEqual([null, null]);
  expect(await verdictOf(ada, newId<TransferId>())).toBe('QUOTE_ALREADY_USED');
  // Nobody gives back what another uses.
  await world.admin.query('SELECT transfer.give_back_quote($1, $2)', [id, newId<TransferId>()]);
  expect(await verdictOf(ada, newId<TransferId>())).toBe('QUOTE_ALREADY_USED');
});

test('a quote that ended after the transaction had begun is not used', async () => {
  const id = await quote();
  const client = await world.admin.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT now()');
    await world.admin.query('UPDATE transfer.quote SET expires_at = clock_timestamp() WHERE id = $1', [id]);
    await until('it has ended', async () => {
      const text = `SELECT clock_timestamp() > expires_at + interval '2 milliseconds' AS past FROM transfer.quote WHERE id = $1`;
      return (await world.admin.query<{ past: boolean }>(text, [id])).rows[0]!.past;
    });
    expect((await client.query(use, [id, ada.userId, newId<TransferId>()])).rows).toEqual([
      { verdict: 'QUOTE_EXPIRED' },
    ]);
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
});
