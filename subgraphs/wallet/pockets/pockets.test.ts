import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { proveBooks } from '../../../ledger/check.ts';
import { captureHold, placeHold } from '../../../tests/holds.ts';
import { systemAccount } from '../../../ledger/accounts.ts';
import { newId, type AccountId, type EntryId, type HoldId } from '../../../platform/ids.ts';
import { POLICY } from '../../../platform/policy.ts';
import type { Viewer } from '../../../platform/viewer.ts';
import { viewerFor } from '../../../tests/one-subgraph.ts';
import { pocketsIn, refusalIn, type PocketAnswer } from '../../../tests/pockets.ts';
import { startWalletWorld, type WalletWorld } from '../../../tests/wallet-world.ts';

let world: WalletWorld;
let pockets: ReturnType<typeof pocketsIn>;
beforeAll(async () => {
  world = await startWalletWorld();
  pockets = pocketsIn(world);
});
afterAll(() => world.close());

async function funded(amountMinor = 10_000n): Promise<{ viewer: Viewer; accountId: AccountId }> {
  const viewer = viewerFor();
  const accountId = await world.open(viewer.userId);
  if (amountMinor > 0n) await world.post({ accountId, amountMinor });
  return { viewer, accountId };
}

async function withPocket(amountMinor?: bigint) {
  const { viewer, accountId } = await funded(amountMinor);
  const pocket = await pockets.create(viewer, accountId);
  return { viewer, accountId, pocketId: pocket.id };
}

describe('a pocket', () => {
  test('begins empty, with a name and a target', async () => {
    const { viewer, accountId } = await funded();
    const answer = await pockets.askCreate(viewer, { accountId, name: ' Bike ', target: '500', idempotencyKey: 'k' });
    expect(answer).toMatchObject({
      pocket: {
        name: 'Bike',
        target: { amount: '500.00', currency: 'USD' },
        balance: { amount: '0.00' },
        isOpen: true,
      },
      account: {
        overview: { own: { amount: '100.00' }, available: { amount: '100.00' }, pockets: { amount: '0.00' } },
      },
      userErrors: [],
    });
    expect((await pockets.shown(viewer, accountId)).pockets).toEqual([answer.pocket]);
  });

  test('sets money aside that stays on the account and cannot be spent', async () => {
    const { viewer, accountId, pocketId } = await withPocket();
    expect(await pockets.into(viewer, pocketId, '60.00')).toMatchObject({
      pocket: { balance: { amount: '60.00' } },
      account: {
        overview: {
          own: { amount: '100.00' },
          available: { amount: '40.00' },
          overdraft: { amount: '0.00' },
          pockets: { amount: '60.00' },
          reserved: { amount: '0.00' },
        },
      },
    });
    await expect(world.post({ accountId, amountMinor: -4_001n })).rejects.toThrow('INSUFFICIENT_FUNDS');
    await world.post({ accountId, amountMinor: -4_000n });
    expect(refusalIn(await pockets.into(viewer, pocketId, '0.01'))).toBe('INSUFFICIENT_FUNDS amount');
    expect(await pockets.outOf(viewer, pocketId, '59.99')).toMatchObject({ pocket: { balance: { amount: '0.01' } } });
    await world.post({ accountId, amountMinor: -5_999n });
  });

  test('gives back all it has, takes again, and never more than it has', async () => {
    const { viewer, accountId, pocketId } = await withPocket();
    await pockets.into(viewer, pocketId, '10');
    await pockets.into(viewer, pocketId, '5.5');
    expect(refusalIn(await pockets.outOf(viewer, pocketId, '15.51'))).toBe('POCKET_INSUFFICIENT amount');
    expect(await pockets.outOf(viewer, pocketId, '15.50')).toMatchObject({ pocket: { balance: { amount: '0.00' } } });
    expect(refusalIn(await pockets.outOf(viewer, pocketId, '0.01'))).toBe('POCKET_INSUFFICIENT amount');
    expect(await pockets.into(viewer, pocketId, '100')).toMatchObject({ pocket: { balance: { amount: '100.00' } } });
    expect((await pockets.shown(viewer, accountId)).overview).toMatchObject({ available: { amount: '0.00' } });
  });

  test('adds up with what is reserved for payments and with an overdraft', async () => {
    const { viewer, accountId, pocketId } = await withPocket();
    const ledger = world.database.pool('dwaybank_ledger');
    await world.execute(`mutation { setOverdraft(accountId: "${accountId}", amount: "30") { userErrors { code } } }`, {
      viewer: viewerFor(undefined, ['ADMIN']),
    });
    await pockets.into(viewer, pocketId, '60');
    const id = newId<HoldId>();
    const amount = { amountMinor: 5_500n, currency: 'USD' };
    await placeHold(ledger, { id, accountId, amount, transferId: null });
    expect((await pockets.shown(viewer, accountId)).overview).toEqual({
      own: { amount: '100.00' },
      available: { amount: '15.00' },
      overdraft: { amount: '30.00' },
      pockets: { amount: '60.00' },
      reserved: { amount: '55.00' },
      version: 4,
    });
    const settlement = await systemAccount(ledger, 'SETTLEMENT', 'USD');
    const leg = { currency: 'USD', lineType: 'WITHDRAWAL' as const, counterparty: null };
    const legs = [
      { ...leg, accountId, amountMinor: -5_500n },
      { ...leg, accountId: settlement, amountMinor: 5_500n },
    ];
    const entry = {
      id: newId<EntryId>(),
      kind: 'TRANSFER' as const,
      transferId: null,
      description: null,
      legs,
    };
    expect(await captureHold(ledger, id, entry, { final: true })).toMatchObject({ ok: true });
    expect((await pockets.shown(viewer, accountId)).overview).toMatchObject({
      own: { amount: '45.00' },
      available: { amount: '15.00' },
      pockets: { amount: '60.00' },
      reserved: { amount: '0.00' },
    });
  });

  test('takes no money that is there by overdraft alone', async () => {
    const { viewer, accountId, pocketId } = await withPocket(1_000n);
    await world.execute(`mutation { setOverdraft(accountId: "${accountId}", amount: "50") { userErrors { code } } }`, {
      viewer: viewerFor(undefined, ['ADMIN']),
    });
    expect(refusalIn(await pockets.into(viewer, pocketId, '10.01'))).toBe('INSUFFICIENT_FUNDS amount');
    expect(await pockets.into(viewer, pocketId, '10.00')).toMatchObject({ userErrors: [] });
  });

  test('is renamed, and its target changed or left', async () => {
    const { viewer, pocketId } = await withPocket();
    expect(await pockets.rename(viewer, pocketId, { name: 'Boat', target: '9.50' })).toMatchObject({
      pocket: { name: 'Boat', target: { amount: '9.50' } },
    });
    expect(await pockets.rename(viewer, pocketId, { name: 'Ship' })).toMatchObject({
      pocket: { name: 'Ship', target: { amount: '9.50' } },
    });
    expect(refusalIn(await pockets.rename(viewer, pocketId, { name: '' }))).toBe('INVALID_POCKET_NAME name');
  });

  test('that is closed gives back its money, leaves the list and takes nothing more', async () => {
    const { viewer, accountId, pocketId } = await withPocket();
    await pockets.into(viewer, pocketId, '60');
    const closed = await pockets.close(viewer, pocketId);
    expect(closed).toMatchObject({
      pocket: { isOpen: false, balance: { amount: '0.00' } },
      account: { overview: { available: { amount: '100.00' }, pockets: { amount: '0.00' } } },
    });
    expect(await pockets.close(viewer, pocketId)).toEqual(closed);
    expect((await pockets.shown(viewer, accountId)).pockets).toEqual([]);
    expect(refusalIn(await pockets.into(viewer, pocketId, '1'))).toBe('POCKET_CLOSED pocketId');
    expect(refusalIn(await pockets.rename(viewer, pocketId, { name: 'x' }))).toBe('POCKET_CLOSED pocketId');
  });

  test('with money keeps its account from being closed, and without does not', async () => {
    const { viewer, accountId, pocketId } = await withPocket(500n);
    await pockets.into(viewer, pocketId, '5');
    const end = async () =>
      (await world.execute<{ answer: { userErrors: { code: string }[] } }>(
        `mutation { answer: closeAccount(accountId: "${accountId}") { userErrors { code } } }`,
        { viewer },
      )).data.answer.userErrors; // prettier-ignore
    expect(await end()).toEqual([{ code: 'ACCOUNT_NOT_EMPTY' }]);
    await pockets.close(viewer, pocketId);
    await world.post({ accountId, amountMinor: -500n });
    expect(await end()).toEqual([]);
    expect(refusalIn(await pockets.askCreate(viewer, { accountId, name: 'x', idempotencyKey: 'k2' }))).toBe(
      'ACCOUNT_CLOSED',
    );
  });

  test('of a frozen account stands still', async () => {
    const { viewer, accountId, pocketId } = await withPocket();
    await pockets.into(viewer, pocketId, '5');
    const freeze = `mutation { freezeAccount(accountId: "${accountId}", reason: "x") { status } }`;
    await world.execute(freeze, { viewer });
    for (const answer of [
      await pockets.into(viewer, pocketId, '1'),
      await pockets.outOf(viewer, pocketId, '1'),
      await pockets.close(viewer, pocketId),
      await pockets.askCreate(viewer, { accountId, name: 'x', idempotencyKey: 'k2' }),
    ]) {
      expect(refusalIn(answer)).toBe('ACCOUNT_FROZEN');
    }
  });

  test('is nobody else’s, nor is the account it is to be on', async () => {
    const { viewer, accountId, pocketId } = await withPocket();
    await pockets.into(viewer, pocketId, '5');
    for (const stranger of [viewerFor(), viewerFor(undefined, ['ADMIN'])]) {
      for (const answer of [
        await pockets.into(stranger, pocketId, '1'),
        await pockets.outOf(stranger, pocketId, '1'),
        await pockets.rename(stranger, pocketId, { name: 'x' }),
        await pockets.close(stranger, pocketId),
      ]) {
        expect(refusalIn(answer)).toBe('POCKET_NOT_FOUND pocketId');
      }
      const input = { accountId, name: 'x', idempotencyKey: 'k' };
      expect(refusalIn(await pockets.askCreate(stranger, input))).toBe('ACCOUNT_NOT_FOUND accountId');
    }
    expect(refusalIn(await pockets.into(viewer, 'x', '1'))).toBe('POCKET_NOT_FOUND pocketId');
  });

  test('is one of at most so many', async () => {
    const { viewer, accountId } = await funded();
    const made = await Promise.all(
      Array.from({ length: POLICY.pockets.most + 4 }, (_, n) =>
        pockets.askCreate(viewer, { accountId, name: `P${n}`, idempotencyKey: `k${n}` }),
      ),
    );
    expect(made.filter(({ pocket }) => pocket).length).toBe(POLICY.pockets.most);
    expect(made.filter(({ pocket }) => !pocket).map(refusalIn)).toEqual(Array(4).fill('TOO_MANY_POCKETS'));
    expect((await pockets.shown(viewer, accountId)).pockets).toHaveLength(POLICY.pockets.most);
    await pockets.close(viewer, made.find(({ pocket }) => pocket)!.pocket!.id);
    expect(refusalIn(await pockets.askCreate(viewer, { accountId, name: 'x', idempotencyKey: 'again' }))).toBeNull();
  });

  test.each([
    ['INVALID_POCKET_NAME name', { name: '\u200B' }],
    ['INVALID_POCKET_NAME name', { name: 'x'.repeat(81) }],
    ['INVALID_IDEMPOTENCY_KEY idempotencyKey', { idempotencyKey: '' }],
    ['INVALID_IDEMPOTENCY_KEY idempotencyKey', { idempotencyKey: 'é' }],
    ['TOO_MANY_DECIMALS amount', { target: '1.001' }],
    ['AMOUNT_NOT_POSITIVE amount', { target: '0' }],
    ['ACCOUNT_NOT_FOUND accountId', { accountId: 'x' }],
  ])('is refused with %s for %j', async (refusal, change) => {
    const { viewer, accountId } = await funded(0n);
    const answer = await pockets.askCreate(viewer, { accountId, name: 'x', idempotencyKey: 'k', ...change });
    expect(refusalIn(answer)).toBe(refusal);
  });
});

describe('an idempotency key', () => {
  test('does the same wish once, one after the other and all at once', async () => {
    const { viewer, accountId } = await funded();
    const input = { accountId, name: 'Bike', idempotencyKey: 'create' };
    const made = await Promise.all(Array.from({ length: 6 }, () => pockets.askCreate(viewer, input)));
    const pocketId = made[0]!.pocket!.id;
    expect(new Set(made.map(({ pocket }) => pocket?.id))).toEqual(new Set([pocketId]));
    const moved = await Promise.all(Array.from({ length: 6 }, () => pockets.into(viewer, pocketId, '7', 'move')));
    expect(moved.map(({ pocket }) => pocket?.balance.amount)).toEqual(Array(6).fill('7.00'));
    expect(await pockets.into(viewer, pocketId, '7.00', 'move')).toMatchObject({
      pocket: { balance: { amount: '7.00' } },
    });
    expect((await pockets.shown(viewer, accountId)).overview).toMatchObject({ pockets: { amount: '7.00' } });
  });

  test('stands for one wish only', async () => {
    const { viewer, accountId, pocketId } = await withPocket();
    await pockets.into(viewer, pocketId, '7', 'key');
    const reused = 'IDEMPOTENCY_KEY_REUSED idempotencyKey';
    expect(refusalIn(await pockets.into(viewer, pocketId, '8', 'key'))).toBe(reused);
    expect(refusalIn(await pockets.outOf(viewer, pocketId, '7', 'key'))).toBe(reused);
    expect(refusalIn(await pockets.askCreate(viewer, { accountId, name: 'x', idempotencyKey: 'key' }))).toBe(reused);
    // Another customer's key is another key.
    const other = await withPocket();
    expect(refusalIn(await pockets.into(other.viewer, other.pocketId, '8', 'key'))).toBeNull();
  });

  test('of a refused wish is free for the same wish later', async () => {
    const { viewer, accountId, pocketId } = await withPocket(100n);
    expect(refusalIn(await pockets.into(viewer, pocketId, '2', 'key'))).toBe('INSUFFICIENT_FUNDS amount');
    await world.post({ accountId, amountMinor: 100n });
    expect(await pockets.into(viewer, pocketId, '2', 'key')).toMatchObject({ pocket: { balance: { amount: '2.00' } } });
  });
});

describe('races', () => {
  test('between pockets and payments spend no money twice', async () => {
    const { viewer, accountId, pocketId } = await withPocket(1_000n);
    const second = await pockets.create(viewer, accountId, 'second');
    const done = await Promise.allSettled([
      ...Array.from({ length: 6 }, () => pockets.into(viewer, pocketId, '3')),
      ...Array.from({ length: 6 }, () => pockets.into(viewer, second.id, '3')),
      ...Array.from({ length: 6 }, () => world.post({ accountId, amountMinor: -300n })),
    ]);
    const aside = done
      .slice(0, 12)
      .filter((one) => one.status === 'fulfilled' && !refusalIn(one.value as PocketAnswer));
    const paid = done.slice(12).filter(({ status }) => status === 'fulfilled');
    expect(aside.length + paid.length).toBe(3);
    const { overview } = await pockets.shown(viewer, accountId);
    expect(overview).toMatchObject({
      available: { amount: '1.00' },
      pockets: { amount: `${aside.length * 3}.00` },
      own: { amount: `${10 - paid.length * 3}.00` },
    });
  });

  test('between taking out and closing give the money back once', async () => {
    for (let round = 0; round < 5; round++) {
      const { viewer, accountId, pocketId } = await withPocket();
      await pockets.into(viewer, pocketId, '60');
      await Promise.all([
        pockets.outOf(viewer, pocketId, '40'),
        pockets.close(viewer, pocketId),
        pockets.outOf(viewer, pocketId, '40'),
        pockets.into(viewer, pocketId, '10'),
      ]);
      expect((await pockets.shown(viewer, accountId)).overview).toMatchObject({
        own: { amount: '100.00' },
        available: { amount: '100.00' },
        pockets: { amount: '0.00' },
        reserved: { amount: '0.00' },
      });
    }
  });
});

test('while posting is stopped nothing is set aside, and the same key does it later', async () => {
  const { viewer, pocketId } = await withPocket();
  const ledger = world.database.pool('dwaybank_ledger');
  await ledger.query(`SELECT ledger.stop_posting('a test')`);
  try {
    expect(refusalIn(await pockets.into(viewer, pocketId, '5', 'key'))).toBe('BANK_READ_ONLY');
  } finally {
    await ledger.query('SELECT ledger.resume_posting()');
  }
  expect(await pockets.into(viewer, pocketId, '5', 'key')).toMatchObject({ pocket: { balance: { amount: '5.00' } } });
});

test('a pocket whose hold is not its own is found by the proof of the books', async () => {
  const { viewer, pocketId } = await withPocket();
  await pockets.into(viewer, pocketId, '5');
  const admin = world.database.pool('postgres', { max: 1 });
  const { rows } = await admin.query<{ hold_id: string }>('SELECT hold_id FROM ledger.pocket WHERE id = $1', [
    pocketId,
  ]);
  await admin.query('UPDATE ledger.pocket SET hold_id = gen_random_uuid() WHERE id = $1', [pocketId]);
  try {
    expect((await proveBooks(admin)).findings).toMatchObject([
      { problem: 'pocket is not an open hold of its own account and without an end', subject: pocketId },
    ]);
  } finally {
    await admin.query('UPDATE ledger.pocket SET hold_id = $2 WHERE id = $1', [pocketId, rows[0]!.hold_id]);
  }
});
