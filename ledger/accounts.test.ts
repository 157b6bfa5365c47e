import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type AccountId, type UserId } from '../platform/ids.ts';
import { CURRENCIES } from '../platform/money.ts';
import { createLedgerWorld, type LedgerWorld } from '../tests/ledger-world.ts';
import { accountsByIds, accountsOf, openAccount, receivingAccount, systemAccount } from './accounts.ts';
import { balances } from './balances.ts';

let world: LedgerWorld;
beforeAll(async () => {
  world = await createLedgerWorld();
});
afterAll(() => world.drop());

const eventsOf = async (accountId: AccountId) =>
  (
    await world.admin.query<{ payload: unknown }>({
      text: `SELECT payload FROM platform.event WHERE type = 'AccountOpened' AND key = $1`,
      values: [accountId],
    })
  ).rows.map(({ payload }) => payload);

describe('currencies', () => {
  test('in the database are those of the code, with the same scales', async () => {
    const { rows } = await world.ledger.query({ text: 'SELECT code, scale, name FROM ledger.currency ORDER BY code' });
    expect(rows).toEqual([...CURRENCIES.values()].sort((a, b) => (a.code < b.code ? -1 : 1)));
  });

  test.each([
    ['USD', 2],
    ['JPY', 0],
    ['KWD', 3],
    ['IQD', 3],
    ['XOF', 0],
    ['BTC', 8],
    ['ETH', 18],
  ])('%s has %i decimals', async (code, scale) => {
    const { rows } = await world.ledger.query({
      text: 'SELECT scale FROM ledger.currency WHERE code = $1',
      values: [code],
    });
    expect(rows).toEqual([{ scale }]);
  });

  test('keep their scale for ever, even against their owner', async () => {
    for (const change of [
      `UPDATE ledger.currency SET scale = 3 WHERE code = 'USD'`,
      `UPDATE ledger.currency SET code = 'USX' WHERE code = 'USD'`,
      `DELETE FROM ledger.currency WHERE code = 'ZWG'`,
      'TRUNCATE ledger.currency CASCADE',
    ]) {
      await expect(world.admin.query({ text: change })).rejects.toMatchObject({ code: 'DW002' });
    }
  });
});

describe('an account', () => {
  test('is opened at zero, version 0, and says so in the log', async () => {
    const account = await world.open({ currency: 'KWD', kind: 'SAVINGS' });
    const found = (await accountsByIds(world.ledger, [account.accountId])).get(account.accountId)!;
    expect(found).toEqual({
      id: account.accountId,
      ownerId: account.ownerId,
      currency: 'KWD',
      kind: 'SAVINGS',
      status: 'ACTIVE',
      openedAt: expect.any(Date),
      balance: expect.objectContaining({ postedMinor: 0n, version: 0 }),
    });
    expect((await balances(world.ledger, [account.accountId])).get(account.accountId)).toEqual({
      accountId: account.accountId,
      postedMinor: 0n,
      heldMinor: 0n,
      overdraftMinor: 0n,
      version: 0,
      at: found.openedAt,
    });
    expect(found.balance).toEqual((await balances(world.ledger, [account.accountId])).get(account.accountId));
    expect(await eventsOf(account.accountId)).toEqual([
      {
        accountId: account.accountId,
        ownerId: account.ownerId,
        currency: 'KWD',
        kind: 'SAVINGS',
        at: found.openedAt.toISOString(),
      },
    ]);
  });

  test('is not opened in a currency that nobody knows', async () => {
    const id = newId<AccountId>();
    const wallet = world.database.pool('dwaybank_wallet', { max: 1 });
    await expect(
      openAccount(wallet, { id, ownerId: newId<UserId>(), currency: 'XXX', kind: 'PERSONAL' }),
    ).rejects.toMatchObject({ name: 'Refusal', code: 'UNSUPPORTED_CURRENCY' });
    expect((await accountsByIds(world.ledger, [id])).size).toBe(0);
    expect(await eventsOf(id)).toEqual([]);
  });

  test('keeps its owner, currency, kind and opening, and is never removed', async () => {
    const { accountId } = await world.open();
    for (const change of [
      `owner_id = gen_random_uuid()`,
      `currency = 'EUR'`,
      `kind = 'SAVINGS'`,
      'opened_at = now()',
    ]) {
      const update = { text: `UPDATE ledger.account SET ${change} WHERE id = $1`, values: [accountId] };
      await expect(world.admin.query(update)).rejects.toMatchObject({ code: 'DW002' });
    }
    const remove = { text: 'DELETE FROM ledger.account WHERE id = $1', values: [accountId] };
    await expect(world.admin.query(remove)).rejects.toMatchObject({ code: 'DW002' });
  });
});

describe('looking accounts up', () => {
  test('lists a person’s own accounts, oldest first, page by page', async () => {
    const ownerId = newId<UserId>();
    const ids: AccountId[] = [];
    for (const currency of ['USD', 'EUR', 'JPY']) ids.push((await world.open({ ownerId, currency })).accountId);
    await world.open();
    const first = await accountsOf(world.ledger, ownerId, { after: null, limit: 2 });
    expect(first.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    const rest = await accountsOf(world.ledger, ownerId, { after: ids[1]!, limit: 2 });
    expect(rest.map(({ id }) => id)).toEqual(ids.slice(2));
  });

  test('never shows the bank’s own accounts among customers’', async () => {
    const fee = await systemAccount(world.ledger, 'FEE', 'USD');
    expect((await accountsByIds(world.ledger, [fee])).size).toBe(0);
    expect((await balances(world.ledger, [fee])).size).toBe(0);
  });

  test('money for a person goes to the oldest ACTIVE PERSONAL account in the currency', async () => {
    const ownerId = newId<UserId>();
    await world.open({ ownerId, currency: 'EUR' });
    await world.open({ ownerId, kind: 'SAVINGS' });
    const frozen = await world.open({ ownerId });
    const oldest = await world.open({ ownerId });
    await world.open({ ownerId });
    await world.admin.query({
      text: `UPDATE ledger.account SET status = 'FROZEN' WHERE id = $1`,
      values: [frozen.accountId],
    });
    expect((await receivingAccount(world.ledger, ownerId, 'USD'))?.id).toBe(oldest.accountId);
    expect(await receivingAccount(world.ledger, ownerId, 'JPY')).toBeNull();
    expect(await receivingAccount(world.ledger, newId<UserId>(), 'USD')).toBeNull();
  });
});

describe('the bank’s own accounts', () => {
  test('are made on first use, once, also by many at the same time', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, () => systemAccount(world.ledger, 'SUSPENSE', 'CHF')));
    expect(new Set(ids).size).toBe(1);
    expect(await systemAccount(world.ledger, 'SUSPENSE', 'CHF')).toBe(ids[0]);
    expect(await systemAccount(world.ledger, 'FX', 'CHF')).not.toBe(ids[0]);
  });

  test('are one for each provider, and one with none', async () => {
    const own = await systemAccount(world.ledger, 'SETTLEMENT', 'CHF');
    const [stripe, again] = await Promise.all(
      ['stripe', 'stripe'].map((name) => systemAccount(world.ledger, 'SETTLEMENT', 'CHF', name)),
    );
    expect(again).toBe(stripe);
    expect(new Set([own, stripe, await systemAccount(world.ledger, 'SETTLEMENT', 'CHF', 'paystack')]).size).toBe(3);
    // As callers ask that know nothing of providers.
    const { rows } = await world.ledger.query({ text: `SELECT ledger.system_account('SETTLEMENT', 'CHF') AS id` });
    expect(rows).toEqual([{ id: own }]);
    expect(await systemAccount(world.ledger, 'RECEIVABLE', 'CHF')).not.toBe(own);
  });

  test('exist only in currencies that are known', async () => {
    await expect(systemAccount(world.ledger, 'FEE', 'XXX')).rejects.toMatchObject({ code: 'DW001' });
  });
});
