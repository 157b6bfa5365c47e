import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { LedgerAccount } from '../../ledger/accounts.ts';
import { newId, type AccountId, type UserId } from '../../platform/ids.ts';
import {
  hashCommand,
  ownSource,
  parseCommand,
  planTransfer,
  type AccountCommand,
  type TransferCommand,
  type TransferInput,
} from './domain.ts';

const ACCOUNT = '01890a5d-ac96-774b-bcce-b302099a8057';
const IBAN = 'DE89370400440532013000';
const input: TransferInput = {
  idempotencyKey: 'key-1',
  source: { accountId: ACCOUNT },
  destination: { email: 'ada@example.com' },
  amount: { amount: '12.50', currency: 'USD' },
};

function faults(change: Partial<TransferInput>): string[] {
  const parsed = parseCommand({ ...input, ...change });
  return 'faults' in parsed ? parsed.faults.map(({ code, field }) => `${code} ${field?.join('.')}`) : [];
}

function command(change: Partial<TransferInput> = {}): TransferCommand {
  const parsed = parseCommand({ ...input, ...change });
  if ('faults' in parsed) throw parsed.faults[0]!;
  return parsed;
}

describe('parsing the input of createTransfer', () => {
  test('takes keys of 1 to 64 printable ASCII characters, and no others', () => {
    for (const idempotencyKey of ['a', 'x'.repeat(64), 'order 17/2', '~!@#"\\'])
      expect(faults({ idempotencyKey })).toEqual([]);
    for (const idempotencyKey of ['', 'x'.repeat(65), 'a\u0000b', 'a\nb', '\u007f', 'ключ', '\ufffd', '\ud800', 'ÿ']) {
      expect(faults({ idempotencyKey })).toEqual(['INVALID_IDEMPOTENCY_KEY idempotencyKey']);
    }
  });

  test('wants exactly one field for each end; null is not given', () => {
    expect(faults({ source: {} })).toEqual(['EXACTLY_ONE_END source']);
    expect(faults({ destination: { accountId: ACCOUNT, email: 'a@b.c' } })).toEqual(['EXACTLY_ONE_END destination']);
    expect(faults({ destination: { accountId: null } })).toEqual(['EXACTLY_ONE_END destination']);
    expect(faults({ destination: { accountId: ACCOUNT, email: null, iban: undefined } })).toEqual([]);
  });

  test('refuses the kinds of transfer that do not exist yet', () => {
    expect(faults({ source: { email: 'ada@example.com' } })).toEqual(['FEATURE_UNAVAILABLE source.email']);
    expect(faults({ destination: { address: 'x' } })).toEqual(['FEATURE_UNAVAILABLE destination.address']);
    const fromCard = { source: { paymentMethodId: ACCOUNT } };
    for (const name of ['paymentMethodId', 'iban', 'email']) {
      expect(faults({ ...fromCard, destination: { [name]: IBAN } })).toEqual([
        `FEATURE_UNAVAILABLE destination.${name}`,
      ]);
    }
  });

  test('takes money out of the bank, to a payment method or an IBAN whose check digits are right', () => {
    expect(command({ destination: { paymentMethodId: ACCOUNT } }).destination).toEqual({
      kind: 'paymentMethod',
      id: ACCOUNT,
      text: ACCOUNT,
    });
    const destination = { iban: 'de89 3704 0044 0532 0130 00', payeeName: ' Grace ' };
    const parsed = command({ destination });
    expect(parsed.destination).toEqual({ kind: 'iban', iban: IBAN, payeeName: 'Grace' });
    expect(hashCommand(parsed)).toEqual(hashCommand(command({ destination: { iban: IBAN, payeeName: 'Grace' } })));
    expect(hashCommand(parsed)).not.toEqual(hashCommand(command({ destination: { iban: IBAN } })));
    expect(faults({ destination: { iban: `${IBAN.slice(0, -1)}1` } })).toEqual(['INVALID_IBAN destination.iban']);
    // A name alone is no end.
    expect(faults({ destination: { payeeName: 'Grace' } })).toEqual(['EXACTLY_ONE_END destination']);
  });

  test('takes money from a payment method onto an account that is named, not on to somebody else', () => {
    const deposit = { source: { paymentMethodId: ACCOUNT }, destination: { accountId: ACCOUNT } };
    expect(command(deposit)).toMatchObject({
      source: { kind: 'paymentMethod', id: ACCOUNT },
      destination: { kind: 'account', id: ACCOUNT },
    });
    expect(command({ ...deposit, source: { paymentMethodId: 'x' } })).toMatchObject({
      source: { id: null, text: 'x' },
    });
    expect(faults({ source: deposit.source })).toEqual(['FEATURE_UNAVAILABLE destination.email']);
    expect(hashCommand(command(deposit))).not.toEqual(
      hashCommand(command({ ...deposit, source: { accountId: ACCOUNT } })),
    );
  });

  test.each([
    ['-5', 'AMOUNT_NOT_POSITIVE'],
    ['0', 'AMOUNT_NOT_POSITIVE'],
    ['0.00', 'AMOUNT_NOT_POSITIVE'],
    ['1e3', 'INVALID_AMOUNT'],
    ['', 'INVALID_AMOUNT'],
    [' 1', 'INVALID_AMOUNT'],
    ['NaN', 'INVALID_AMOUNT'],
    ['+1', 'INVALID_AMOUNT'],
    ['.5', 'INVALID_AMOUNT'],
    ['1.', 'INVALID_AMOUNT'],
    ['01', 'INVALID_AMOUNT'],
    ['1,5', 'INVALID_AMOUNT'],
    ['１', 'INVALID_AMOUNT'],
    ['1.234', 'TOO_MANY_DECIMALS'],
    [`1${'0'.repeat(40)}`, 'AMOUNT_TOO_LARGE'],
  ])('refuses the amount "%s" with %s', (amount, code) => {
    expect(faults({ amount: { amount, currency: 'USD' } })).toEqual([`${code} amount.amount`]);
  });

  test('refuses currencies nobody can hold', () => {
    for (const currency of ['XXX', 'usd', '', 'DOLLAR', '__proto__']) {
      expect(faults({ amount: { amount: '1', currency } })).toEqual(['UNSUPPORTED_CURRENCY amount.currency']);
    }
  });

  test('takes descriptions of 140 characters as a person counts them, and nothing unprintable', () => {
    expect(command({ description: '🎂'.repeat(140) }).description).toBe('🎂'.repeat(140));
    expect(faults({ description: '🎂'.repeat(141) })).toEqual(['DESCRIPTION_TOO_LONG description']);
    expect(faults({ description: 'x'.repeat(1_000_000) })).toEqual(['DESCRIPTION_TOO_LONG description']);
    for (const description of ['a\u0000b', 'a\nb', 'a\u202eb', 'a\ud800b']) {
      expect(faults({ description })).toEqual(['INVALID_DESCRIPTION description']);
    }
    expect(command({ description: '  ' }).description).toBeNull();
    expect(command({ description: ' rent ' }).description).toBe('rent');
  });

  test('tells the first fault of every part at once', () => {
    expect(
      faults({
        idempotencyKey: '',
        source: {},
        destination: { iban: 'x' },
        amount: { amount: '-1', currency: 'XXX' },
        description: '\u0000',
      }),
    ).toEqual([
      'INVALID_IDEMPOTENCY_KEY idempotencyKey',
      'EXACTLY_ONE_END source',
      'INVALID_IBAN destination.iban',
      'UNSUPPORTED_CURRENCY amount.currency',
      'INVALID_DESCRIPTION description',
    ]);
  });
});

describe('what a key stands for', () => {
  test('is the same for inputs that mean the same', () => {
    const hash = hashCommand(command());
    expect(hashCommand(command({ amount: { currency: 'USD', amount: '12.5' } }))).toEqual(hash);
    expect(hashCommand(command({ amount: { amount: '12.500'.slice(0, 5), currency: 'USD' } }))).toEqual(hash);
    expect(hashCommand(command({ destination: { email: ' ADA@Example.com ' } }))).toEqual(hash);
    expect(hashCommand(command({ source: { accountId: ACCOUNT.toUpperCase() } }))).toEqual(hash);
    expect(hashCommand(command({ description: '' }))).toEqual(hash);
    expect(hashCommand(command({ description: null }))).toEqual(hash);
    // The key itself is not part of what it stands for.
    expect(hashCommand(command({ idempotencyKey: 'other' }))).toEqual(hash);
  });

  test('differs for every input that means something else', () => {
    const others: Partial<TransferInput>[] = [
      { amount: { amount: '12.51', currency: 'USD' } },
      { amount: { amount: '12.50', currency: 'EUR' } },
      { destination: { email: 'bob@example.com' } },
      { destination: { accountId: ACCOUNT } },
      { source: { accountId: newId<AccountId>() } },
      { source: { accountId: 'no id' } },
      { description: 'rent' },
    ];
    const hashes = [{}, ...others].map((change) => hashCommand(command(change)).toString('hex'));
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  test('cannot be forged by moving text between parts', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.string(),
        fc.string(),
        fc.string(),
        (email, description, otherEmail, otherDescription) => {
          const parsed = [
            parseCommand({ ...input, destination: { email }, description }),
            parseCommand({ ...input, destination: { email: otherEmail }, description: otherDescription }),
          ];
          if (parsed.some((one) => 'faults' in one)) return;
          const [one, other] = parsed as [TransferCommand, TransferCommand];
          const same =
            JSON.stringify([one.destination, one.description]) ===
            JSON.stringify([other.destination, other.description]);
          expect(hashCommand(one).equals(hashCommand(other))).toBe(same);
        },
      ),
    );
  });
});

describe('planning', () => {
  const ada = newId<UserId>();
  const bob = newId<UserId>();
  const account = (ownerId: UserId, change: Partial<LedgerAccount> = {}): LedgerAccount => ({
    id: newId(),
    ownerId,
    currency: 'USD',
    kind: 'PERSONAL',
    status: 'ACTIVE',
    openedAt: new Date(0),
    ...change,
  });
  const between = (change: Partial<TransferInput> = {}) => command(change) as AccountCommand;
  const byId = between({ destination: { accountId: ACCOUNT } });
  const plan =
    (source: LedgerAccount, destination?: LedgerAccount, by = byId) =>
    () =>
      planTransfer(by, source, destination ?? null);
  const refusal = (code: string, ...field: string[]) => expect.objectContaining({ code, field });

  test('lets a customer draw on no account but their own', () => {
    const own = { account: account(ada) };
    expect(ownSource(ada, own)).toBe(own);
    expect(() => ownSource(ada, { account: account(bob) })).toThrow(
      refusal('ACCOUNT_NOT_FOUND', 'source', 'accountId'),
    );
    expect(() => ownSource(ada, null)).toThrow(refusal('ACCOUNT_NOT_FOUND', 'source', 'accountId'));
  });

  test('goes between two active accounts of one currency', () => {
    const [source, destination] = [account(ada), account(bob)];
    expect(plan(source, destination)()).toEqual({ type: 'INTERNAL', source, destination });
  });

  test('changes money between two currencies of one customer only', () => {
    const [source, own, other] = [account(ada), account(ada, { currency: 'EUR' }), account(bob, { currency: 'EUR' })];
    expect(plan(source, own)()).toEqual({ type: 'EXCHANGE', source, destination: own });
    expect(plan(source, other)).toThrow(refusal('CURRENCY_MISMATCH', 'destination', 'accountId'));
    // What is asked for is what leaves: an amount in the destination's currency is none of the source's.
    expect(plan(own, source)).toThrow(refusal('CURRENCY_MISMATCH', 'amount', 'currency'));
  });

  test('refuses in a fixed order, with the path of what is wrong', () => {
    const source = account(ada);
    const to = ['destination', 'accountId'];
    expect(plan(source)).toThrow(refusal('ACCOUNT_NOT_FOUND', ...to));
    expect(plan(source, undefined, between())).toThrow(refusal('UNKNOWN_RECIPIENT', 'destination', 'email'));
    expect(plan(source, source)).toThrow(refusal('SAME_ACCOUNT', ...to));
    const euros = { currency: 'EUR', status: 'CLOSED' } as const;
    expect(plan(account(ada, euros), account(bob, euros))).toThrow(refusal('CURRENCY_MISMATCH', 'amount', 'currency'));
    expect(plan(source, account(bob, euros))).toThrow(refusal('CURRENCY_MISMATCH', ...to));
    expect(plan(source, account(ada, euros))).toThrow(refusal('ACCOUNT_CLOSED', ...to));
    const frozen = account(ada, { status: 'FROZEN' });
    expect(plan(frozen, account(bob, { status: 'CLOSED' }))).toThrow(refusal('ACCOUNT_FROZEN', 'source', 'accountId'));
    expect(plan(source, account(bob, { status: 'CLOSED' }))).toThrow(refusal('ACCOUNT_CLOSED', ...to));
    expect(plan(source, account(bob, { status: 'FROZEN' }))).toThrow(refusal('ACCOUNT_FROZEN', ...to));
  });
});
