import { describe, expect, test } from '@jest/globals';
import type { BalanceChange, ImportedLine } from '../../platform/events.ts';
import {
  newId,
  type AccountId,
  type ExternalTransactionId,
  type PaymentMethodId,
  type PostingId,
  type UserId,
} from '../../platform/ids.ts';
import { externalLinesOf, movementsOf } from './domain.ts';

function change(
  ownerId: UserId,
  amountMinor: string,
  lineType: string | null,
  more: Partial<BalanceChange> = {},
): BalanceChange {
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
    ...more,
  };
}

describe('the movements of an entry', () => {
  const [ada, bob] = [newId<UserId>(), newId<UserId>()];

  test('are its lines; a hold is none', () => {
    const changes = [change(ada, '-5', 'TRANSFER_OUT'), change(bob, '5', 'TRANSFER_IN'), change(ada, '0', null)];
    expect(movementsOf(changes.slice(0, 2)).map((m) => [m.ownerId, m.amountMinor, m.ownMoney, m.category])).toEqual([
      [ada, -5n, false, 'Transfers'],
      [bob, 5n, false, 'Transfers'],
    ]);
    expect(movementsOf(changes.slice(2))).toEqual([]);
  });

  test('between own accounts are own money, whatever they say; a fee beside them is spent', () => {
    const out = change(ada, '-5', 'TRANSFER_OUT', { description: 'rent' });
    const movements = movementsOf([
      out,
      change(ada, '-1', 'FEE', { accountId: out.accountId }),
      change(ada, '5', 'TRANSFER_IN', { description: 'rent' }),
    ]);
    expect(movements.map(({ category, ownMoney }) => [category, ownMoney])).toEqual([
      ['Transfers', true],
      ['Fees', false],
      ['Transfers', true],
    ]);
  });

  test('to another with a fee on the same account are not between own accounts', () => {
    const paid = change(ada, '-5', 'TRANSFER_OUT');
    const fee = change(ada, '-1', 'FEE', { accountId: paid.accountId });
    expect(movementsOf([paid, fee]).map(({ ownMoney }) => ownMoney)).toEqual([false, false]);
  });

  test.each([
    ['DEPOSIT', '5', 'Deposits', true],
    ['WITHDRAWAL', '-5', 'Withdrawals', true],
    ['EXCHANGE', '-5', 'Exchange', true],
    ['FEE', '-5', 'Fees', false],
    ['INTEREST', '5', 'Interest', false],
    ['INTEREST', '-5', 'Fees', false],
    ['REVERSAL', '5', 'Reversals', false],
    ['CASHBACK', '5', 'Other income', false],
    ['CASHBACK', '-5', 'Other', false],
  ])('of type %s and amount %s are %s; own money: %s', (lineType, amount, category, ownMoney) => {
    expect(movementsOf([change(ada, amount, lineType)])).toMatchObject([{ category, ownMoney }]);
  });

  test('to another go by what the sender wrote, and never by the other’s name', () => {
    const sent = (description: string | null, counterparty: string | null = null) =>
      movementsOf([change(ada, '-5', 'TRANSFER_OUT', { description, counterparty })])[0]!.category;
    expect(sent('Rent for March')).toBe('Housing');
    expect(sent('Coffee')).toBe('Dining');
    expect(sent('thanks!')).toBe('Transfers');
    expect(sent('dwaybank')).toBe('Transfers');
    expect(sent(null, 'Paris Hilton')).toBe('Transfers');
    // At the beginning of a person's sentence the name of a shop is a word like others.
    expect(sent('Target for this month')).toBe('Transfers');
  });

  test('from another are transfers, unless they say they are an income', () => {
    const got = (description: string) => movementsOf([change(ada, '5', 'TRANSFER_IN', { description })])[0]!.category;
    expect(got('Salary March')).toBe('Salary');
    expect(got('Your part of the rent')).toBe('Transfers');
    expect(got('Netflix')).toBe('Transfers');
    expect(got('cash deposit')).toBe('Transfers');
  });
});

describe('the lines of an import', () => {
  const lines = (...imported: Partial<ImportedLine>[]) =>
    externalLinesOf({
      paymentMethodId: newId<PaymentMethodId>(),
      ownerId: newId<UserId>(),
      currency: 'EUR',
      at: '2026-01-05T00:00:00.000Z',
      lines: imported.map((line) => ({
        externalTransactionId: newId<ExternalTransactionId>(),
        amountMinor: '-100',
        description: '',
        counterparty: null,
        bookedOn: '2026-01-01',
        merchantCategory: null,
        ...line,
      })),
    });

  test('carry their category, its rule and how sure it is', () => {
    expect(
      lines(
        { description: "MCDONALD'S #112" },
        { description: 'AUTOMATIC WITHDRAWAL, ELECTRIC BILL' },
        { description: 'HARBOUR VIEW', merchantCategory: '5812' },
        { description: 'XYZZY' },
      ).map(({ category, rule, confidencePercent }) => [category, rule, confidencePercent]),
    ).toEqual([
      ['Dining', 'brand mcdonalds', 90],
      ['Utilities', 'word electric bill', 70],
      ['Dining', 'mcc 5812', 90],
      ['Other', 'none', 0],
    ]);
  });

  test('that name this bank are own money on its way', () => {
    expect(lines({ description: 'DWAYBANK TOP UP' }, { description: 'DWAYBANK', amountMinor: '100' })).toMatchObject([
      { category: 'Deposits', ownMoney: true },
      { category: 'Withdrawals', ownMoney: true },
    ]);
  });

  test('have one payee however a merchant adds towns, dates and references', () => {
    const payees = lines(
      { description: 'NETFLIX.COM 866-579-7172 CA' },
      { description: 'PAYPAL *NETFLIX' },
      { description: 'HARBOUR VIEW APARTMENTS RENT OCTOBER' },
      { description: 'Harbour View Apartments rent November 2026' },
      { description: '4711 0815' },
    ).map(({ payee }) => payee);
    expect(payees).toEqual(['netflix', 'netflix', 'harbour view apartments rent', 'harbour view apartments rent', '']);
  });
});
