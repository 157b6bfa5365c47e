import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { setAccountStatus } from '../../ledger/account-status.ts';
import { withTransaction } from '../../platform/db.ts';
import type { AccountId } from '../../platform/ids.ts';
import { blocked, hold, holdRelay } from '../../tests/deposit-jobs.ts';
import { openDepositScene, type DepositScene } from '../../tests/deposit-scene.ts';
import { ALLOW } from '../../tests/transfer-world.ts';
import { until } from '../../tests/until.ts';

/* Closing as wallet does it: the same function of the ledger, of which everything here is decided. */

let scene: DepositScene;
beforeAll(async () => {
  scene = await openDepositScene();
});
beforeEach(() => scene.begin());
afterEach(() => scene.world.proveBooks());
afterAll(() => scene.close());

async function close(accountId: AccountId = scene.account): Promise<string> {
  const wanted = { accountId, status: 'CLOSED' as const, changedBy: scene.ada.userId, byStaff: false, reason: null };
  const verdict = await withTransaction(scene.world.admin, (tx) => setAccountStatus(tx, wanted));
  return verdict.ok ? 'CLOSED' : verdict.refusal;
}

const expected = async () =>
  (await scene.world.admin.query('SELECT FROM ledger.expected_money WHERE account_id = $1', [scene.account])).rowCount;

describe('an account', () => {
  test('with a deposit under way cannot be closed, and can when that came to nothing', async () => {
    const relay = await holdRelay(scene.world.admin);
    const { transfer } = await scene.create();
    expect([await close(), await expected()]).toEqual(['ACCOUNT_EXPECTS_MONEY', 1]);
    const cancel = `mutation ($id: ID!) { cancelTransfer(id: $id) { userErrors { code } } }`;
    await scene.world.execute(scene.ada, cancel, { id: transfer!.id });
    expect([await close(), await expected()]).toEqual(['CLOSED', 0]);
    await relay.letGo();
    expect(scene.cards.calls).toEqual([]);
  });

  test('whose deposit was declined can be closed; one that was credited is not empty', async () => {
    scene.cards.script.push(async () => ({
      outcome: 'DECLINED',
      chargeId: null,
      code: 'card_declined',
      message: 'No.',
    }));
    await scene.reaches((await scene.create()).transfer!.id, 'FAILED');
    expect(await close()).toBe('CLOSED');
    await scene.begin();
    await scene.reaches((await scene.create()).transfer!.id, 'COMPLETED');
    expect([await close(), await expected()]).toEqual(['ACCOUNT_NOT_EMPTY', 0]);
  });

  test('that was frozen while its card was charged is credited when it can be, and not closed before', async () => {
    let goOn = () => {};
    const waiting = new Promise<void>((resolve) => (goOn = resolve));
    scene.cards.script.push(async (charge) => {
      await waiting;
      return charge();
    });
    const { transfer } = await scene.create();
    await scene.reaches(transfer!.id, 'SENT_TO_PROVIDER');
    await scene.world.setStatus(scene.account, 'FROZEN');
    goOn();
    await scene.reaches(transfer!.id, 'PROVIDER_CONFIRMING');
    expect(await close()).toBe('ACCOUNT_FROZEN');
    await scene.world.setStatus(scene.account, 'ACTIVE');
    expect(await close()).toBe('ACCOUNT_EXPECTS_MONEY');
    await scene.hurriedTo(transfer!.id, 'COMPLETED');
    expect(await scene.world.balance(scene.account)).toBe(2550n);
  });

  test('that a transfer to it waits for a person cannot be closed, until that has ended', async () => {
    const [from, others] = [await scene.world.account(scene.bob), scene.account];
    await scene.world.fund(from, '50.00', 'USD');
    scene.world.risk.answer = async () => ({ ...ALLOW, decision: 'REVIEW' });
    const input = { source: { accountId: from }, destination: { accountId: others } };
    const create = `mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id status } } }`;
    const { data } = await scene.world.execute(scene.bob, create, { input: scene.input(input) });
    const { transfer } = data!['createTransfer'] as { transfer: { id: string; status: string } };
    scene.world.risk.answer = async () => ALLOW;
    expect(transfer.status).toBe('HELD_FOR_REVIEW');
    expect(await close()).toBe('ACCOUNT_EXPECTS_MONEY');
    const cancel = `mutation ($id: ID!) { cancelTransfer(id: $id) { userErrors { code } } }`;
    await scene.world.execute(scene.bob, cancel, { id: transfer.id });
    expect(await close()).toBe('CLOSED');
  });
});

describe('a deposit and a closing at the same moment:', () => {
  test('the deposit first, and the closing waits for it and is refused', async () => {
    // What start_deposit has done before it commits.
    const started = await hold(scene.world.admin, `SELECT ledger.expect_money(gen_random_uuid(), $1)`, [scene.account]);
    const closing = close();
    await until('the closing waits', async () => {
      const { rowCount } = await scene.world.admin.query(
        `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%set_account_status%'`,
      );
      return rowCount! > 0;
    });
    await started.letGo();
    expect(await closing).toBe('ACCOUNT_EXPECTS_MONEY');
    await scene.world.admin.query('DELETE FROM ledger.expected_money WHERE account_id = $1', [scene.account]);
  });

  test('the closing first, and the deposit waits for it and is refused, for good, before any charge', async () => {
    const closing = await hold(
      scene.world.admin,
      `SELECT ledger.set_account_status($1, 'CLOSED', gen_random_uuid(), false, NULL)`,
      [scene.account],
    );
    const input = scene.input({});
    const creating = scene.create(input);
    await blocked(scene.world.admin, 'start_deposit');
    await closing.letGo();
    expect((await creating).userErrors).toMatchObject([{ code: 'ACCOUNT_CLOSED' }]);
    expect(await scene.create(input)).toMatchObject({ replayed: true, userErrors: [{ code: 'ACCOUNT_CLOSED' }] });
    expect(scene.cards.calls).toEqual([]);
  });

  test('whoever is first, it is credited or was never charged', async () => {
    for (let round = 0; round < 12; round++) {
      await scene.begin();
      const [created, closed] = await Promise.all([scene.create(), close()]);
      if (closed === 'CLOSED') {
        expect(created.userErrors).toMatchObject([{ code: 'ACCOUNT_CLOSED' }]);
        expect(scene.cards.calls).toEqual([]);
      } else {
        // Nothing of it was there yet when it was refused otherwise, or the card was charged already.
        expect(['ACCOUNT_EXPECTS_MONEY', 'ACCOUNT_NOT_EMPTY']).toContain(closed);
        await scene.reaches(created.transfer!.id, 'COMPLETED');
        expect(await scene.world.balance(scene.account)).toBe(2550n);
      }
    }
  });
});
