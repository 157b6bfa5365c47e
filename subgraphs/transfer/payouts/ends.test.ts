import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Payout } from '../../../providers/payout-provider.ts';
import { blocked, hold, holdRelay } from '../../../tests/deposit-jobs.ts';
import { payoutJobGone } from '../../../tests/payout-jobs.ts';
import { BEGUN, openPayoutScene, SPENDING, steps, type PayoutScene } from '../../../tests/payout-scene.ts';
import { until } from '../../../tests/until.ts';
import { ALLOW } from '../../../tests/transfer-world.ts';
import { undoSteps } from './saga.ts';

/* How payouts end without having been paid: cancelled, expired, and undone piece by piece. */

let scene: PayoutScene;

beforeAll(async () => {
  scene = await openPayoutScene();
});
beforeEach(() => scene.begin());
afterAll(() => scene.close());

const declined: Payout = { outcome: 'DECLINED', reference: null, code: 'rail_down', message: 'No.' };
const FREE = { posted: 100_000n, held: 0n };

/** What counts against the day's limit, in US cents. */
async function spent(): Promise<bigint> {
  const { rows } = await scene.world.admin.query<{ day_spent: string }>(
    `SELECT day_spent FROM ledger.spending_limit WHERE owner_id = $1 AND scope = 'TOTAL'`,
    [scene.ada.userId],
  );
  return BigInt(rows[0]!.day_spent);
}

const past = (id: string) =>
  scene.world.admin.query(`UPDATE ledger.hold SET expires_at = now() - interval '1 second' WHERE transfer_id = $1`, [
    id,
  ]);

describe('cancelTransfer', () => {
  test('releases what is held, gives the limit back, and nothing is sent', async () => {
    const before = await spent();
    const relay = await holdRelay(scene.world.admin);
    const { id } = await scene.started();
    expect(await spent()).toBe(before + BigInt(SPENDING.usdMinor));
    expect(await scene.cancel(id, scene.bob)).toEqual(['TRANSFER_NOT_FOUND']);
    expect(await scene.cancel(id)).toEqual([]);
    expect(await scene.cancel(id)).toEqual([]);
    await relay.letGo();
    await until('the job came and went', async () => {
      const { rowCount } = await scene.world.admin.query(
        `SELECT FROM platform.listener_cursor c WHERE name = 'transfer.payouts'
         AND (xid, id) >= (SELECT xid, id FROM platform.event WHERE key = $1 AND type = 'PayoutStarted')`,
        [id],
      );
      return rowCount === 1;
    });
    await payoutJobGone(scene.world.admin, id);
    const cancelled = await scene.read(id);
    expect(steps(cancelled!)).toEqual([...BEGUN, 'CANCELLED']);
    expect(cancelled!.failureCode).toBeNull();
    expect(await scene.balance()).toEqual(FREE);
    expect(await spent()).toBe(before);
    expect(scene.payouts.providers.bankrail.calls).toEqual([]);
    expect((await scene.eventsOf(id)).at(-1)).toBe('TransferFailed');
  });

  test('is refused once it was sent, and when it has ended', async () => {
    let goOn = () => {};
    const waiting = new Promise<void>((resolve) => (goOn = resolve));
    scene.payouts.providers.bankrail.sends.push(async (send) => {
      await waiting;
      return send();
    });
    const { id } = await scene.started();
    await scene.reaches(id, 'SENT_TO_PROVIDER');
    expect(await scene.cancel(id)).toEqual(['CANNOT_BE_CANCELLED']);
    goOn();
    await scene.reaches(id, 'COMPLETED');
    expect(await scene.cancel(id)).toEqual(['CANNOT_BE_CANCELLED']);
    expect(await scene.cancel('nonsense')).toEqual(['TRANSFER_NOT_FOUND']);
  });

  test.each([
    ['cancel_transfer', 'CANCELLED', 0],
    ['send_payout', 'COMPLETED', 1],
  ])('at the very moment at which it is sent ends in one of both (%s comes first)', async (first, status, paid) => {
    const relay = await holdRelay(scene.world.admin);
    const { id } = await scene.started();
    // Both wait for the row; who came first goes first.
    const row = await hold(scene.world.admin, 'SELECT FROM transfer.transfer WHERE id = $1 FOR UPDATE', [id]);
    const cancel = async () => scene.cancel(id);
    let cancelling: Promise<string[]>;
    if (first === 'cancel_transfer') {
      cancelling = cancel();
      await blocked(scene.world.admin, 'cancel_transfer');
      await relay.letGo();
      await blocked(scene.world.admin, 'send_payout');
    } else {
      await relay.letGo();
      await blocked(scene.world.admin, 'send_payout');
      cancelling = cancel();
      await blocked(scene.world.admin, 'cancel_transfer');
    }
    await row.letGo();
    expect(await cancelling).toEqual(status === 'CANCELLED' ? [] : ['CANNOT_BE_CANCELLED']);
    await scene.reaches(id, status);
    await payoutJobGone(scene.world.admin, id);
    expect((await scene.read(id))!.status).toBe(status);
    expect(scene.payouts.providers.bankrail.paid.size).toBe(paid);
    expect((await scene.balance()).held).toBe(0n);
    await scene.world.proveBooks();
  });
});

describe('a hold that has expired', () => {
  test('is swept and ends its transfer as EXPIRED, once; the job finds it ended', async () => {
    const relay = await holdRelay(scene.world.admin);
    const { id } = await scene.started();
    await past(id);
    await until('it is swept', async () => (await scene.balance()).held === 0n);
    await relay.letGo();
    const expired = await scene.reaches(id, 'EXPIRED');
    await payoutJobGone(scene.world.admin, id);
    expect(steps(expired)).toEqual([...BEGUN, 'EXPIRED']);
    expect(await scene.balance()).toEqual(FREE);
    expect((await scene.eventsOf(id)).filter((type) => type === 'TransferFailed')).toHaveLength(1);
    expect(scene.payouts.providers.bankrail.calls).toEqual([]);
    expect(await scene.cancel(id)).toEqual(['CANNOT_BE_CANCELLED']);
  });

  test('is not sent by a job that comes too late, swept or not', async () => {
    const relay = await holdRelay(scene.world.admin);
    const { id } = await scene.started();
    const { payOut } = await import('./pay-out.ts');
    await past(id);
    await payOut(scene.deps, id, new AbortController().signal);
    expect((await scene.read(id))!.status).toBe('EXPIRED');
    expect(await scene.balance()).toEqual(FREE);
    expect(scene.payouts.providers.bankrail.calls).toEqual([]);
    await relay.letGo();
    await payoutJobGone(scene.world.admin, id);
  });

  test('is never that of money that was sent', async () => {
    let goOn = () => {};
    const waiting = new Promise<void>((resolve) => (goOn = resolve));
    scene.payouts.providers.bankrail.sends.push(async (send) => {
      await waiting;
      return send();
    });
    const { id } = await scene.started();
    await scene.reaches(id, 'SENT_TO_PROVIDER');
    const { rows } = await scene.world.admin.query(
      `SELECT expires_at, ledger.expire_holds(10) AS expired FROM ledger.hold WHERE transfer_id = $1`,
      [id],
    );
    expect(rows).toEqual([{ expires_at: null, expired: 0 }]);
    goOn();
    await scene.reaches(id, 'COMPLETED');
  });
});

describe('a payout that cannot be failed in one piece', () => {
  test('is undone piece by piece; what cannot be undone leaves it COMPENSATING, and a retry ends it', async () => {
    // One fault that only the release meets, and only for this test's account.
    await scene.world.admin.query(`
      CREATE FUNCTION public.refuse_release() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'the disk is full'; END $$;
      CREATE TRIGGER refuse_release BEFORE UPDATE ON ledger.hold FOR EACH ROW
        WHEN (NEW.status = 'RELEASED') EXECUTE FUNCTION public.refuse_release()`);
    scene.payouts.names = ['bankrail'];
    scene.payouts.providers.bankrail.sends.push(async () => declined);
    const { id } = await scene.started();
    const open = await scene.reaches(id, 'COMPENSATING');
    await payoutJobGone(scene.world.admin, id);
    expect(await scene.lettersOf(id)).toEqual([['COMPENSATION_FAILED', 'HIGH']]);
    expect(open.failureCode).toBe('rail_down');
    // The other piece was undone all the same.
    expect(steps((await scene.read(id))!).slice(-2)).toEqual(['COMPENSATING', 'COMPENSATING QUOTE_UNDONE']);
    expect((await scene.balance()).held).toBeGreaterThan(10_000n);

    await scene.world.admin.query('DROP TRIGGER refuse_release ON ledger.hold');
    await scene.world.admin.query(
      `SELECT transfer.retry_dead_letter(id, 'test') FROM transfer.dead_letter WHERE transfer_id = $1`,
      [id],
    );
    scene.world.wake();
    const undone = await scene.reaches(id, 'COMPENSATED');
    expect(steps(undone).slice(-3)).toEqual([
      'COMPENSATING QUOTE_UNDONE',
      'COMPENSATING RESERVE_UNDONE',
      'COMPENSATED',
    ]);
    expect(undone.failureCode).toBe('rail_down');
    expect(await scene.balance()).toEqual(FREE);
    expect(await scene.lettersOf(id)).toEqual([]);
  });

  test('has its steps undone in reverse order, each whatever became of the others', async () => {
    const undone: string[] = [];
    const step = (name: string, fails = false) => ({
      name,
      undo: async () => {
        undone.push(name);
        if (fails) throw new Error(name);
      },
    });
    const failed = await undoSteps([step('a'), step('b', true), step('c'), step('d', true)], null);
    expect(undone).toEqual(['d', 'c', 'b', 'a']);
    expect(failed.map(({ name }) => name)).toEqual(['d', 'b']);
  });
});

describe('the key of a payout', () => {
  test('stores what the ledger says no with, and is replayed whatever happens later', async () => {
    const input = { idempotencyKey: 'too-much', amount: { amount: '1000.00', currency: 'EUR' } };
    const account = scene.account;
    const first = await scene.create(input);
    // The money is there, but not the fees.
    expect(first.userErrors.map(({ code }) => code)).toEqual(['INSUFFICIENT_FUNDS']);
    await scene.world.fund(account, '500.00', 'EUR');
    expect(await scene.create(input)).toEqual({ ...first, replayed: true });
    expect((await scene.balance()).held).toBe(0n);
    const { id } = await scene.started({ idempotencyKey: 'once' });
    const again = await scene.create({ idempotencyKey: 'once' });
    expect([again.replayed, again.transfer!.id]).toEqual([true, id]);
    const other = await scene.create({ idempotencyKey: 'once', amount: { amount: '1.00', currency: 'EUR' } });
    expect(other.userErrors.map(({ code }) => code)).toEqual(['IDEMPOTENCY_KEY_REUSED']);
    await scene.reaches(id, 'COMPLETED');
  });

  test('is decided once by requests that come at once, and a limit holds for what is held', async () => {
    const spending = { usdMinor: '600000', bankDailyUsdMinor: '1000000', bankMonthlyUsdMinor: '99000000' };
    scene.world.risk.answer = async () => ({ ...ALLOW, spending });
    const cleo = await scene.world.customer('Cleo');
    const from = await scene.world.account(cleo, 'EUR', { funds: '1000.00' });
    const input = {
      idempotencyKey: 'at-once',
      source: { accountId: from },
      destination: { iban: 'DE02120300000000202051' },
    };
    const answers = await Promise.all(Array.from({ length: 4 }, () => scene.create(input, cleo)));
    expect(new Set(answers.map(({ transfer }) => transfer?.id)).size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    const second = await scene.create({ ...input, idempotencyKey: 'another' }, cleo);
    expect(second.userErrors.map(({ code }) => code)).toEqual(['LIMIT_EXCEEDED']);
    await until('it is done', async () => (await scene.read(answers[0]!.transfer!.id, cleo))?.status === 'COMPLETED');
  });
});
