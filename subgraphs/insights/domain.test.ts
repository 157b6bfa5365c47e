import { describe, expect, test } from '@jest/globals';
import type { BalanceChange } from '../../platform/events.ts';
import { newId, type AccountId, type PostingId, type UserId } from '../../platform/ids.ts';
import { analyse, categoryOf, movementsOf, type Flow } from './domain.ts';

function change(ownerId: UserId, amountMinor: string, lineType: string | null): BalanceChange {
  return {
    accountId: newId<AccountId>(),
    ownerId,
    currency: 'USD',
    version: 1,
    posted: '0',
    held: '0',
    overdraft: '0',
    at: '2026-01-01T00:00:00.000Z',
    postingId: lineType === null ? null : newId<PostingId>(),
    amountMinor,
    lineType,
    counterparty: null,
    description: null,
  };
}

const flow = (lineType: string, outMinor: bigint, inMinor = 0n, outLines = 1, before = false): Flow => ({
  lineType,
  before,
  outMinor,
  inMinor,
  outLines,
});

describe('the movements of an entry', () => {
  test('are its lines; a hold is none', () => {
    const [ada, bob] = [newId<UserId>(), newId<UserId>()];
    const changes = [change(ada, '-5', 'TRANSFER_OUT'), change(bob, '5', 'TRANSFER_IN'), change(ada, '0', null)];
    expect(movementsOf(changes.slice(0, 2)).map((m) => [m.ownerId, m.amountMinor, m.betweenOwnAccounts])).toEqual([
      [ada, -5n, false],
      [bob, 5n, false],
    ]);
    expect(movementsOf(changes.slice(2))).toEqual([]);
  });

  test('are between own accounts when the other end is the same person’s', () => {
    const ada = newId<UserId>();
    const movements = movementsOf([change(ada, '-5', 'TRANSFER_OUT'), change(ada, '5', 'TRANSFER_IN')]);
    expect(movements.map(({ betweenOwnAccounts }) => betweenOwnAccounts)).toEqual([true, true]);
  });

  test('with a fee on the same account are not', () => {
    const ada = newId<UserId>();
    const paid = change(ada, '-5', 'TRANSFER_OUT');
    const fee = { ...change(ada, '-1', 'FEE'), accountId: paid.accountId };
    expect(movementsOf([paid, fee]).map(({ betweenOwnAccounts }) => betweenOwnAccounts)).toEqual([false, false]);
  });
});

describe('an analysis', () => {
  test('adds up by category, largest first, with shares that add up to 1', () => {
    const spending = analyse([
      flow('FEE', 100n, 0n, 2),
      flow('TRANSFER_OUT', 200n, 0n, 3),
      flow('TRANSFER_IN', 0n, 70n, 0),
      flow('DEPOSIT', 0n, 30n, 0),
    ]);
    expect(spending).toEqual({
      totalMinor: 300n,
      incomeMinor: 100n,
      categories: [
        { category: 'Transfers', totalMinor: 200n, count: 3, share: '0.6667', changeRatio: null },
        { category: 'Fees', totalMinor: 100n, count: 2, share: '0.3333', changeRatio: null },
      ],
    });
  });

  test('compares with the time before; what is only of then is no spending of now', () => {
    const { totalMinor, incomeMinor, categories } = analyse([
      flow('TRANSFER_OUT', 150n),
      flow('TRANSFER_OUT', 100n, 0n, 1, true),
      flow('WITHDRAWAL', 999n, 5n, 1, true),
    ]);
    expect({ totalMinor, incomeMinor }).toEqual({ totalMinor: 150n, incomeMinor: 0n });
    expect(categories).toEqual([expect.objectContaining({ category: 'Transfers', changeRatio: '0.5', share: '1' })]);
  });

  test('of nothing is nothing', () => {
    expect(analyse([])).toEqual({ totalMinor: 0n, incomeMinor: 0n, categories: [] });
  });
});

test('every type of line has a category, and a new one is Other', () => {
  const types = ['DEPOSIT', 'WITHDRAWAL', 'TRANSFER_IN', 'TRANSFER_OUT', 'EXCHANGE', 'FEE', 'REVERSAL', 'INTEREST'];
  expect(types.map(categoryOf)).not.toContain('Other');
  expect(categoryOf('CASHBACK')).toBe('Other');
});
