import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { withTransaction } from '../platform/db.ts';
import { newId, type AccountId, type HoldId, type UserId } from '../platform/ids.ts';
import { expectBooksOk } from '../tests/books.ts';
import { createLedgerWorld, movement, type LedgerWorld, type TestAccount } from '../tests/ledger-world.ts';
import { until } from '../tests/until.ts';
import { setAccountStatus } from './account-status.ts';
import { accountsByIds } from './accounts.ts';
import { balancesAsOf, changesAfter } from './balances.ts';
import { captureHold, placeHold } from '../tests/holds.ts';
import { releaseHold } from './holds.ts';
import { setOverdraft } from './overdraft.ts';
import { postEntry } from './post.ts';

/* Freezing, closing and overdrafts against what else goes on: the account's lock says what came first. */

let world: LedgerWorld;
beforeAll(async () => {
  world = await createLedgerWorld();
});
afterEach(() => expectBooksOk(world.admin));
afterAll(() => world.drop());

const change = ({ accountId, ownerId }: TestAccount, status: 'ACTIVE' | 'FROZEN' | 'CLOSED') =>
  setAccountStatus(world.ledger, { accountId, status, changedBy: ownerId, byStaff: false, reason: null });

async function statusOf({ accountId }: TestAccount) {
  return (await accountsByIds(world.ledger, [accountId])).get(accountId)!;
}

/** Resolves when somebody waits for the lock on an account that another transaction has. */
const someoneWaits = () =>
  until('someone waits for a lock', async () => {
    const { rows } = await world.admin.query<{ waiting: string }>({
      text: `SELECT count(*) AS waiting FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    });
    return Number(rows[0]!.waiting) > 0;
  });

/** Runs work while a deposit onto the account is posted and not yet committed. */
async function duringDeposit<Result>(account: TestAccount, work: () => Promise<Result>): Promise<Result> {
  const from = await world.funded(1_000n);
  let begun: Promise<Result> | undefined;
  await withTransaction(world.database.pool('dwaybank_ledger'), async (tx) => {
    expect(await postEntry(tx, movement(from, account, 100n))).toMatchObject({ posted: true });
    begun = work();
    await someoneWaits();
  });
  return begun!;
}

describe('an account', () => {
  test('that gets money at this moment is not closed', async () => {
    const account = await world.open();
    expect(await duringDeposit(account, () => change(account, 'CLOSED'))).toEqual({
      ok: false,
      refusal: 'ACCOUNT_NOT_EMPTY',
    });
    expect(await statusOf(account)).toMatchObject({ status: 'ACTIVE', balance: { postedMinor: 100n, version: 1 } });
  });

  test('is frozen after what was under way, and before what comes then', async () => {
    const account = await world.open();
    expect(await duringDeposit(account, () => change(account, 'FROZEN'))).toEqual({ ok: true, changed: true });
    expect(await statusOf(account)).toMatchObject({ status: 'FROZEN', balance: { postedMinor: 100n, version: 2 } });
    const verdict = await postEntry(world.ledger, movement(account, await world.open(), 1n));
    expect(verdict).toMatchObject({ posted: false, refusal: 'ACCOUNT_FROZEN' });
  });

  test('frozen among many payments has none after it', async () => {
    for (let round = 0; round < 5; round++) {
      const account = await world.funded(1_000n);
      const other = await world.open();
      const [, ...verdicts] = await Promise.all([
        change(account, 'FROZEN'),
        ...Array.from({ length: 8 }, () => postEntry(world.ledger, movement(account, other, 10n))),
      ]);
      const posted = verdicts.filter((verdict) => verdict.posted).length;
      const { balance, status } = await statusOf(account);
      expect([status, balance.postedMinor, balance.version]).toEqual([
        'FROZEN',
        1_000n - BigInt(posted) * 10n,
        2 + posted,
      ]);
      const changes = await changesAfter(world.ledger, account.accountId, 0, 100);
      expect(changes.at(-1)).toMatchObject({ postingId: null, amountMinor: 0n, version: 2 + posted });
    }
  });

  test('closed or paid to at the same moment is one of both', async () => {
    for (let round = 0; round < 8; round++) {
      const account = await world.open();
      const payer = await world.funded(100n);
      const [closed, paid] = await Promise.all([
        change(account, 'CLOSED'),
        postEntry(world.ledger, movement(payer, account, 1n)),
      ]);
      expect(closed.ok).toBe(!paid.posted);
    }
  });

  test('whose money is held is not closed, and its hold is captured though it is frozen', async () => {
    const account = await world.funded(500n);
    const id = newId<HoldId>();
    const { accountId } = account;
    await placeHold(world.ledger, { id, accountId, amount: { amountMinor: 500n, currency: 'USD' }, transferId: null });
    await change(account, 'FROZEN');
    const entry = movement(account, await world.open(), 500n);
    expect(await captureHold(world.ledger, id, entry, { final: true })).toMatchObject({ ok: true });
    expect(await change(account, 'CLOSED')).toEqual({ ok: false, refusal: 'ACCOUNT_FROZEN' });
    await change(account, 'ACTIVE');
    expect(await change(account, 'CLOSED')).toEqual({ ok: true, changed: true });
  });

  test('that nobody is on record for having frozen is taken for frozen by the bank', async () => {
    const account = await world.open();
    await world.admin.query({
      text: `UPDATE ledger.account SET status = 'FROZEN' WHERE id = $1`,
      values: [account.accountId],
    });
    expect(await change(account, 'ACTIVE')).toEqual({ ok: false, refusal: 'FROZEN_BY_BANK' });
  });

  test('that does not exist is unknown', async () => {
    const nobody = { accountId: newId<AccountId>(), ownerId: newId<UserId>(), currency: 'USD' };
    expect(await change(nobody, 'FROZEN')).toEqual({ ok: false, refusal: 'UNKNOWN_ACCOUNT' });
    const overdraft = { accountId: nobody.accountId, amountMinor: 1n, changedBy: nobody.ownerId };
    expect(await setOverdraft(world.ledger, overdraft)).toEqual({ ok: false, refusal: 'UNKNOWN_ACCOUNT' });
  });
});

describe('an overdraft', () => {
  const agree = ({ accountId, ownerId }: TestAccount, amountMinor: bigint) =>
    setOverdraft(world.ledger, { accountId, amountMinor, changedBy: ownerId });

  test('that is taken away while it is used is one of both', async () => {
    for (let round = 0; round < 8; round++) {
      const account = await world.open();
      await agree(account, 100n);
      const [ended, paid] = await Promise.all([
        agree(account, 0n),
        postEntry(world.ledger, movement(account, await world.open(), 100n)),
      ]);
      expect(ended.ok).toBe(!paid.posted);
      if (paid.posted) expect(await agree(account, 99n)).toEqual({ ok: false, refusal: 'OVERDRAFT_IN_USE' });
    }
  });

  test('that is agreed on again makes no version', async () => {
    const account = await world.open();
    expect(await agree(account, 100n)).toEqual({ ok: true, changed: true });
    expect(await agree(account, 100n)).toEqual({ ok: true, changed: false });
    expect((await statusOf(account)).balance.version).toBe(1);
  });

  test('below zero or in parts of a minor unit is a bug of the caller', async () => {
    const account = await world.open();
    await expect(agree(account, -1n)).rejects.toMatchObject({ code: 'DW003' });
    const half = { text: `SELECT * FROM ledger.set_overdraft($1, 0.5, $1)`, values: [account.accountId] };
    await expect(world.ledger.query(half)).rejects.toMatchObject({ code: 'DW003' });
  });
});

describe('a balance of the past', () => {
  test('knows holds, overdrafts and freezes of then, and nothing before the account was opened', async () => {
    const account = await world.funded(1_000n);
    const { accountId } = account;
    const id = newId<HoldId>();
    const amount = { amountMinor: 300n, currency: 'USD' };
    await placeHold(world.ledger, { id, accountId, amount, transferId: null });
    await setOverdraft(world.ledger, { accountId, amountMinor: 50n, changedBy: account.ownerId });
    await releaseHold(world.ledger, id, 100n);
    await change(account, 'FROZEN');
    await releaseHold(world.ledger, id);
    // Several of these can fall into one millisecond; a moment of the past is that of its last version.
    const versions = await changesAfter(world.ledger, accountId, 0, 100);
    expect(
      versions.map(({ postedMinor, heldMinor, overdraftMinor }) => [postedMinor, heldMinor, overdraftMinor]),
    ).toEqual([
      [1_000n, 0n, 0n],
      [1_000n, 300n, 0n],
      [1_000n, 300n, 50n],
      [1_000n, 200n, 50n],
      [1_000n, 200n, 50n],
      [1_000n, 0n, 50n],
    ]);
    const { openedAt } = await statusOf(account);
    const before = (at: Date) => new Date(at.getTime() - 1);
    const moments = [...versions.map(({ at }) => at), before(versions[0]!.at), before(openedAt), new Date(0)];
    const balances = await balancesAsOf(world.ledger, moments.map((at) => ({ accountId, at }))); // prettier-ignore
    const lastOf = (at: Date) => versions.filter((version) => version.at <= at).at(-1);
    expect(balances.map((balance) => [balance!.version, balance!.heldMinor, balance!.overdraftMinor])).toEqual(
      moments.map((at) => [lastOf(at)?.version ?? 0, lastOf(at)?.heldMinor ?? 0n, lastOf(at)?.overdraftMinor ?? 0n]),
    );
    expect(balances.at(-1)).toMatchObject({ postedMinor: 0n, version: 0, at: openedAt });
  });
});

describe('who may do it', () => {
  test.each(['dwaybank_transfer', 'dwaybank_risk', 'dwaybank_user', 'dwaybank_gateway'])('%s may not', async (role) => {
    const pool = world.database.pool(role, { max: 1 });
    const id = newId<AccountId>();
    for (const call of [
      `ledger.set_account_status('${id}', 'FROZEN', '${id}', true, null)`,
      `ledger.set_overdraft('${id}', 1, '${id}')`,
      `ledger.move_pocket('${id}', 1, '${id}')`,
      `ledger.open_pocket('${id}', '${id}', 1)`,
      `ledger.close_pocket('${id}')`,
    ]) {
      await expect(pool.query(`SELECT ${call}`)).rejects.toMatchObject({ code: '42501' });
    }
  });

  test('nobody writes versions or frees a pocket past the rules', async () => {
    const wallet = world.database.pool('dwaybank_wallet', { max: 1 });
    const id = newId<AccountId>();
    for (const call of [
      `SELECT ledger.record_version('${id}')`,
      `SELECT ledger.release_pocket('${id}', '${id}', 1, true)`,
      `UPDATE ledger.pocket SET hold_id = null`,
      `INSERT INTO ledger.account_status_change SELECT * FROM ledger.account_status_change`,
    ]) {
      await expect(wallet.query(call)).rejects.toMatchObject({ code: '42501' });
    }
  });
});
