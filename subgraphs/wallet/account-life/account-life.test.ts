import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { placeHold } from '../../../tests/holds.ts';
import { newId, type AccountId, type HoldId, type TransferId } from '../../../platform/ids.ts';
import type { UserError } from '../../../platform/refusal.ts';
import type { Role, Viewer } from '../../../platform/viewer.ts';
import { viewerFor } from '../../../tests/one-subgraph.ts';
import { startWalletWorld, type WalletWorld } from '../../../tests/wallet-world.ts';

let world: WalletWorld;
beforeAll(async () => {
  world = await startWalletWorld();
});
afterAll(() => world.close());

interface Answer {
  account: Shown | null;
  status: string | null;
  userErrors: UserError[];
}
interface Shown {
  status: string;
  frozenReason: string | null;
  balance: { version: number; available: { amount: string }; overdraft: { amount: string } };
}

const SHOWN = 'status frozenReason balance { version available { amount } overdraft { amount } }';
const ANSWER = `account { ${SHOWN} } status userErrors { code field retryable message }`;

async function ask(viewer: Viewer | null, field: string, variables: Record<string, unknown> = {}) {
  return world.execute<{ answer: Answer }>(`mutation { answer: ${field} { ${ANSWER} } }`, { viewer, variables });
}
async function change(viewer: Viewer, field: string): Promise<Answer> {
  const { data, errors } = await ask(viewer, field);
  expect(errors).toEqual([]);
  return data.answer;
}
const freeze = (viewer: Viewer, id: string, reason = 'Lost my phone') =>
  change(viewer, `freezeAccount(accountId: "${id}", reason: ${JSON.stringify(reason)})`);
const unfreeze = (viewer: Viewer, id: string) => change(viewer, `unfreezeAccount(accountId: "${id}")`);
const end = (viewer: Viewer, id: string) => change(viewer, `closeAccount(accountId: "${id}")`);
const code = ({ account, status, userErrors }: Answer) => {
  expect([account, status]).toEqual([null, null]);
  return [userErrors[0]!.code, ...(userErrors[0]!.field ?? [])].join(' ');
};

async function overdraft(viewer: Viewer, accountId: string, amount: string) {
  return world.execute<{ answer: { overdraft: { amount: string } | null; userErrors: UserError[] } }>(
    `mutation ($id: ID!, $amount: Decimal!) { answer: setOverdraft(accountId: $id, amount: $amount) {
       overdraft { amount currency } userErrors { code field } } }`,
    { viewer, variables: { id: accountId, amount } },
  );
}

async function shown(viewer: Viewer, id: AccountId): Promise<Shown> {
  const { data } = await world.execute<{ account: Shown }>(`{ account(id: "${id}") { ${SHOWN} } }`, { viewer });
  return data.account;
}

async function eventsOf(id: AccountId) {
  const { rows } = await world.database
    .pool('postgres')
    .query<{ type: string; payload: Record<string, unknown> }>(
      `SELECT type, payload FROM platform.event WHERE key = $1 ORDER BY xid, id`,
      [id],
    );
  return rows;
}

const staff = (role: Role) => viewerFor(undefined, ['CUSTOMER', role]);

describe('freezing', () => {
  test('stops an account, says why, and is told as one version', async () => {
    const viewer = viewerFor();
    const id = await world.open(viewer.userId);
    await world.post({ accountId: id, amountMinor: 10_000n });
    expect(await freeze(viewer, id)).toEqual({
      account: {
        status: 'FROZEN',
        frozenReason: 'Lost my phone',
        balance: { version: 2, available: { amount: '100.00' }, overdraft: { amount: '0.00' } },
      },
      status: 'FROZEN',
      userErrors: [],
    });
    await expect(world.post({ accountId: id, amountMinor: -1n })).rejects.toThrow('ACCOUNT_FROZEN');
    await expect(world.post({ accountId: id, amountMinor: 1n })).rejects.toThrow('ACCOUNT_FROZEN');
    expect(await unfreeze(viewer, id)).toMatchObject({
      account: { status: 'ACTIVE', frozenReason: null, balance: { version: 3 } },
    });
    await world.post({ accountId: id, amountMinor: -1n });
    expect((await eventsOf(id)).filter(({ type }) => type === 'AccountStatusChanged')).toMatchObject([
      { payload: { accountId: id, ownerId: viewer.userId, status: 'FROZEN', changes: [{ version: 2, posted: '10000', amountMinor: '0', postingId: null }] } },
      { payload: { status: 'ACTIVE', changes: [{ version: 3 }] } },
    ]); // prettier-ignore
  });

  test('what is frozen already changes nothing', async () => {
    const viewer = viewerFor();
    const id = await world.open(viewer.userId);
    await freeze(viewer, id, 'First');
    expect(await freeze(viewer, id, 'Second')).toMatchObject({
      account: { frozenReason: 'First', balance: { version: 1 } },
    });
    await unfreeze(viewer, id);
    expect(await unfreeze(viewer, id)).toMatchObject({ account: { balance: { version: 2 } } });
  });

  test('another’s account, or none, is not found', async () => {
    const id = await world.open(viewerFor().userId);
    expect(code(await freeze(viewerFor(), id))).toBe('ACCOUNT_NOT_FOUND accountId');
    expect(code(await freeze(viewerFor(), newId()))).toBe('ACCOUNT_NOT_FOUND accountId');
    expect(code(await unfreeze(viewerFor(), 'x'))).toBe('ACCOUNT_NOT_FOUND accountId');
    expect(code(await end(viewerFor(), id))).toBe('ACCOUNT_NOT_FOUND accountId');
    expect((await ask(null, `closeAccount(accountId: "${id}")`)).errors[0]!.code).toBe('UNAUTHENTICATED');
  });

  test.each(['', '   ', 'x'.repeat(141), 'bell\u0007'])(
    'without a reason that can be read (%j) is refused',
    async (reason) => {
      const viewer = viewerFor();
      const id = await world.open(viewer.userId);
      expect(code(await freeze(viewer, id, reason))).toBe('INVALID_REASON reason');
      expect((await shown(viewer, id)).status).toBe('ACTIVE');
    },
  );

  test.each(['SUPPORT', 'COMPLIANCE', 'ADMIN'] as const)(
    'by %s is lifted by COMPLIANCE or ADMIN only',
    async (role) => {
      const viewer = viewerFor();
      const id = await world.open(viewer.userId);
      // Staff sees the status and nothing else of the account.
      expect(await freeze(staff(role), id, 'Court order')).toEqual({ account: null, status: 'FROZEN', userErrors: [] });
      expect(await shown(viewer, id)).toMatchObject({ status: 'FROZEN', frozenReason: 'Court order' });
      expect(code(await unfreeze(viewer, id))).toBe('FROZEN_BY_BANK accountId');
      // Freezing it too does not make it the owner's freeze.
      expect(await freeze(viewer, id, 'Mine')).toMatchObject({ account: { frozenReason: 'Court order' } });
      expect(code(await unfreeze(viewer, id))).toBe('FROZEN_BY_BANK accountId');
      expect(code(await end(viewer, id))).toBe('ACCOUNT_FROZEN accountId');
      expect(code(await unfreeze(staff('SUPPORT'), id))).toBe('FROZEN_BY_BANK accountId');
      expect(await shown(viewer, id)).toMatchObject({ status: 'FROZEN', frozenReason: 'Court order' });
      for (const lifter of ['COMPLIANCE', 'ADMIN'] as const) {
        await freeze(staff(role), id, 'Court order');
        expect(await unfreeze(staff(lifter), id)).toMatchObject({ status: 'ACTIVE', userErrors: [] });
        expect(await shown(viewer, id)).toMatchObject({ status: 'ACTIVE', frozenReason: null });
      }
    },
  );

  test('by the owner is lifted by any of the staff, who go on record', async () => {
    const [viewer, support] = [viewerFor(), staff('SUPPORT')];
    const id = await world.open(viewer.userId);
    await freeze(viewer, id, 'Mine');
    expect(await unfreeze(support, id)).toMatchObject({ status: 'ACTIVE', userErrors: [] });
    const { rows } = await world.database
      .pool('postgres')
      .query('SELECT status, changed_by, by_staff FROM ledger.account_status_change WHERE account_id = $1 ORDER BY version DESC LIMIT 1', [id]); // prettier-ignore
    expect(rows).toEqual([{ status: 'ACTIVE', changed_by: support.userId, by_staff: true }]);
  });

  test('by the owner is taken over by staff', async () => {
    const viewer = viewerFor();
    const id = await world.open(viewer.userId);
    await freeze(viewer, id, 'Mine');
    await freeze(staff('COMPLIANCE'), id, 'Court order');
    expect(code(await unfreeze(viewer, id))).toBe('FROZEN_BY_BANK accountId');
  });

  test('by the bank of a colleague’s own account is not lifted by the colleague', async () => {
    const colleague = staff('ADMIN');
    const id = await world.open(colleague.userId);
    await freeze(staff('COMPLIANCE'), id, 'Court order');
    expect(code(await unfreeze(colleague, id))).toBe('FROZEN_BY_BANK accountId');
  });

  test('is no matter for partners', async () => {
    const id = await world.open(viewerFor().userId);
    expect(code(await freeze(viewerFor(undefined, ['PARTNER']), id))).toBe('ACCOUNT_NOT_FOUND accountId');
  });
});

describe('closing', () => {
  test('ends an empty account for good', async () => {
    const viewer = viewerFor();
    const id = await world.open(viewer.userId);
    await overdraft(staff('ADMIN'), id, '50');
    expect(await end(viewer, id)).toMatchObject({
      account: { status: 'CLOSED', balance: { available: { amount: '0.00' }, overdraft: { amount: '0.00' } } },
    });
    expect(await end(viewer, id)).toMatchObject({
      status: 'CLOSED',
      userErrors: [],
      account: { balance: { version: 2 } },
    });
    await expect(world.post({ accountId: id, amountMinor: 1n })).rejects.toThrow('ACCOUNT_CLOSED');
    expect(code(await freeze(viewer, id))).toBe('ACCOUNT_CLOSED accountId');
    expect(code(await unfreeze(viewer, id))).toBe('ACCOUNT_CLOSED accountId');
    expect(code(await unfreeze(staff('ADMIN'), id))).toBe('ACCOUNT_CLOSED accountId');
    expect((await overdraft(staff('ADMIN'), id, '1')).data.answer.userErrors).toMatchObject([
      { code: 'ACCOUNT_CLOSED' },
    ]);
  });

  test('is refused while there is one minor unit, or one owed', async () => {
    const viewer = viewerFor();
    const id = await world.open(viewer.userId);
    await world.post({ accountId: id, amountMinor: 1n });
    expect(code(await end(viewer, id))).toBe('ACCOUNT_NOT_EMPTY accountId');
    await overdraft(staff('ADMIN'), id, '10');
    await world.post({ accountId: id, amountMinor: -2n });
    expect(code(await end(viewer, id))).toBe('ACCOUNT_NOT_EMPTY accountId');
    await world.post({ accountId: id, amountMinor: 1n });
    expect(await end(viewer, id)).toMatchObject({ status: 'CLOSED' });
  });

  test('is refused while money is held, though nothing is posted', async () => {
    const viewer = viewerFor();
    const id = await world.open(viewer.userId);
    await overdraft(staff('ADMIN'), id, '10');
    const held = await placeHold(world.database.pool('dwaybank_ledger'), {
      id: newId<HoldId>(),
      accountId: id,
      amount: { amountMinor: 5n, currency: 'USD' },
      transferId: newId<TransferId>(),
    });
    expect(held.ok).toBe(true);
    expect(code(await end(viewer, id))).toBe('ACCOUNT_NOT_EMPTY accountId');
  });

  test('another’s account is not for staff', async () => {
    const id = await world.open(viewerFor().userId);
    expect(code(await end(staff('ADMIN'), id))).toBe('ACCOUNT_NOT_FOUND accountId');
  });
});

describe('an overdraft', () => {
  test('is part of what is available, and of every balance', async () => {
    const viewer = viewerFor();
    const id = await world.open(viewer.userId);
    const { data } = await overdraft(staff('ADMIN'), id, '50.00');
    expect(data.answer).toEqual({ overdraft: { amount: '50.00', currency: 'USD' }, userErrors: [] });
    expect(await shown(viewer, id)).toMatchObject({
      balance: { version: 1, available: { amount: '50.00' }, overdraft: { amount: '50.00' } },
    });
    await world.post({ accountId: id, amountMinor: -5_000n });
    await expect(world.post({ accountId: id, amountMinor: -1n })).rejects.toThrow('INSUFFICIENT_FUNDS');
    expect((await eventsOf(id)).filter(({ type }) => type === 'OverdraftChanged')).toMatchObject([
      { payload: { accountId: id, ownerId: viewer.userId, changes: [{ version: 1, overdraft: '5000' }] } },
    ]);
  });

  test('is never less than what is in use, money that is held included', async () => {
    const id = await world.open(viewerFor().userId);
    const admin = staff('ADMIN');
    await overdraft(admin, id, '50.00');
    await world.post({ accountId: id, amountMinor: -1_000n });
    await placeHold(world.database.pool('dwaybank_ledger'), {
      id: newId<HoldId>(),
      accountId: id,
      amount: { amountMinor: 2_000n, currency: 'USD' },
      transferId: newId<TransferId>(),
    });
    expect((await overdraft(admin, id, '29.99')).data.answer.userErrors).toEqual([
      { code: 'OVERDRAFT_IN_USE', field: ['amount'] },
    ]);
    expect((await overdraft(admin, id, '30.00')).data.answer.userErrors).toEqual([]);
    expect((await overdraft(admin, id, '0')).data.answer.userErrors).toMatchObject([{ code: 'OVERDRAFT_IN_USE' }]);
  });

  test('is agreed on by somebody else than the account’s owner, whatever their role', async () => {
    const admin = staff('ADMIN');
    const id = await world.open(admin.userId);
    for (const amount of ['1', '0']) {
      expect((await overdraft(admin, id, amount)).data.answer).toEqual({
        overdraft: null,
        userErrors: [{ code: 'OWN_ACCOUNT', field: ['accountId'] }],
      });
    }
    expect((await overdraft(staff('ADMIN'), id, '1')).data.answer.userErrors).toEqual([]);
  });

  test('goes as far as the policy for its currency, and nowhere in a currency that the policy does not name', async () => {
    const admin = staff('ADMIN');
    const dollars = await world.open(viewerFor().userId);
    expect((await overdraft(admin, dollars, '5000')).data.answer.userErrors).toEqual([]);
    const coins = await world.open(viewerFor().userId, 'BTC');
    expect((await overdraft(admin, coins, '0.00000001')).data.answer.userErrors).toEqual([
      { code: 'OVERDRAFT_TOO_LARGE', field: ['amount'] },
    ]);
    expect((await overdraft(admin, coins, '0')).data.answer.userErrors).toEqual([]);
  });

  test.each(['SUPPORT', 'COMPLIANCE', 'CUSTOMER', 'PARTNER'] as const)('is not for %s to set', async (role) => {
    const viewer = viewerFor(undefined, [role]);
    const id = await world.open(viewer.userId);
    expect((await overdraft(viewer, id, '1')).errors[0]!.code).toBe('FORBIDDEN');
    expect((await shown(viewer, id)).balance.overdraft.amount).toBe('0.00');
  });

  test.each([
    ['1.001', 'TOO_MANY_DECIMALS'],
    ['-1', 'AMOUNT_NOT_POSITIVE'],
    ['9'.repeat(40), 'AMOUNT_TOO_LARGE'],
    ['5000.01', 'OVERDRAFT_TOO_LARGE'],
  ])('of %s is refused with %s', async (amount, refusal) => {
    const id = await world.open(viewerFor().userId);
    const { data } = await overdraft(staff('ADMIN'), id, amount);
    expect(data.answer.userErrors).toMatchObject([{ code: refusal, field: ['amount'] }]);
  });
});
