import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { setSpendingLimit } from '../../../ledger/limits.ts';
import { newId, type TransferId, type UserId } from '../../../platform/ids.ts';
import { ProviderOutcomeUnknownError } from '../../../providers/card-provider.ts';
import { blocked, hold, type Held } from '../../../tests/deposit-jobs.ts';
import { openPayoutScene, REVIEW, SPENDING, type PayoutScene } from '../../../tests/payout-scene.ts';
import { settleRetriedLetters } from '../operations/retry-due-letters.ts';
import { releaseHoldByTwo } from '../operations/release-hold.ts';
import { compensatePayout, endWithoutMoney } from './compensate-payout.ts';
import { payOut } from './pay-out.ts';

/* What is written of payouts: attempts, steps, letters and holds, each against somebody who would write it otherwise. No job runs here. */

let scene: PayoutScene;
let relay: Held;
beforeAll(async () => {
  scene = await openPayoutScene();
  // As holdRelay, for longer than a transaction may be idle.
  relay = await hold(
    scene.world.admin,
    'SET LOCAL idle_in_transaction_session_timeout = 0; LOCK TABLE platform.listener_cursor IN EXCLUSIVE MODE',
  );
});
beforeEach(() => scene.begin());
afterAll(async () => {
  await relay.letGo();
  await scene.close();
});

const signal = new AbortController().signal;
async function open(): Promise<TransferId> {
  scene.payouts.providers.bankrail.sends.push(() => Promise.reject(new ProviderOutcomeUnknownError('nobody answers')));
  const { id } = await scene.started();
  await expect(payOut(scene.deps, id, signal)).rejects.toThrow('has not said');
  return id;
}
const sql = (text: string, id: TransferId) => scene.world.admin.query<Record<string, unknown>>(text, [id]);

describe('an attempt', () => {
  test('is the only one that may pay, whoever writes another', async () => {
    const id = await open();
    const second = `INSERT INTO transfer.provider_attempt (transfer_id, attempt, provider, figures, sent_at)
                    VALUES ($1, 2, 'paystack', '{}', now())`;
    await expect(sql(second, id)).rejects.toMatchObject({ code: '23505' });
    await sql(`UPDATE transfer.provider_attempt SET outcome = 'NOT_HERE', ended_at = now() WHERE transfer_id = $1`, id);
    const changed = `UPDATE transfer.provider_attempt SET outcome = 'SUCCEEDED' WHERE transfer_id = $1`;
    await expect(sql(changed, id)).rejects.toMatchObject({ code: 'DW020' });
  });
});

describe('a step', () => {
  const step = (text: string, id: TransferId) => sql(`SELECT transfer.step_transfer($1, ${text}) AS status`, id);

  test('with which money moves or is held is not taken alone, and none from another status than was meant', async () => {
    const id = await open();
    const before = await scene.read(id);
    for (const status of ['COMPLETED', 'REVERSED', 'HELD_FOR_REVIEW', 'BALANCE_RESERVED']) {
      await expect(step(`NULL, '${status}', NULL, NULL, NULL`, id)).rejects.toMatchObject({ code: 'DW020' });
    }
    const elsewhere = await step(`ARRAY['INITIATED'], 'PROVIDER_PROCESSING', NULL, NULL, NULL`, id);
    expect(elsewhere.rows).toEqual([{ status: 'PROVIDER_CONFIRMING' }]);
    expect(await scene.read(id)).toEqual(before);
  });

  test('that waits for another finds what that has made of it', async () => {
    const id = await open();
    const text = `SELECT transfer.step_transfer($1, NULL, 'PROVIDER_PROCESSING', NULL, NULL, NULL)`;
    const first = await hold(scene.world.admin, text, [id]);
    const second = scene.deps.pool.query<{ status: string }>(
      `SELECT transfer.step_transfer($1, ARRAY['PROVIDER_CONFIRMING'], 'PROVIDER_CONFIRMING', 'CLEARING', NULL, NULL) AS status`,
      [id],
    );
    await blocked(scene.world.admin, 'step_transfer');
    await first.letGo();
    expect((await second).rows).toEqual([{ status: 'PROVIDER_PROCESSING' }]);
  });
});

/** A pool on which a statement always fails with this SQLSTATE. */
function failing(statement: string, code: string): pg.Pool {
  const { pool } = scene.deps;
  return new Proxy(pool, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (name !== 'query') return value.bind(target) as unknown;
      return async (query: pg.QueryConfig) => {
        if (query.name === statement)
          throw Object.assign(new pg.DatabaseError(`fails with ${code}`, 0, 'error'), { code });
        return target.query(query);
      };
    },
  });
}

describe('what passes by itself', () => {
  test.each([
    ['55P03', 'BALANCE_RESERVED'],
    ['57P01', 'BALANCE_RESERVED'],
    ['XX000', 'COMPENSATING'],
  ])('is tried again, and only what does not is undone piece by piece (%s: %s)', async (code, status) => {
    const { id } = await scene.started();
    const deps = { ...scene.deps, pool: failing('transfer-fail-payout', code) };
    const ending = endWithoutMoney(deps, { transferId: id }, { code: 'no', note: null }).catch(() => 'tried again');
    expect(await ending).toBe(status === 'COMPENSATING' ? undefined : 'tried again');
    expect((await scene.read(id))!.status).toBe(status);
    await payOut(scene.deps, id, signal);
  });

  test('while a payout is undone is no letter for staff: the job is tried again', async () => {
    const { id } = await scene.started();
    await sql(`SELECT transfer.begin_compensation($1, 'no', NULL)`, id);
    const deps = { ...scene.deps, pool: failing('transfer-compensate-step', '57P01') };
    await expect(compensatePayout(deps, { transferId: id })).rejects.toMatchObject({ code: '57P01' });
    expect(await scene.lettersOf(id)).toEqual([]);
    await payOut(scene.deps, id, signal);
    expect((await scene.read(id))!.status).toBe('COMPENSATED');
  });
});

test('a limit of a customer’s own counts what they send, and not its fees', async () => {
  const owner = { ownerId: scene.bob.userId, scope: 'EUR', monthlyMinor: null };
  await setSpendingLimit(scene.world.admin, { ...owner, dailyMinor: 100_00n });
  const from = await scene.world.account(scene.bob, 'EUR', { funds: '500.00' });
  const input = { source: { accountId: from }, destination: { iban: 'DE02120300000000202051' } };
  expect((await scene.create(input, scene.bob)).userErrors).toEqual([]);
  expect((await scene.create({ ...input, amount: { amount: '0.01', currency: 'EUR' } }, scene.bob)).userErrors).toEqual(
    [expect.objectContaining({ code: 'LIMIT_EXCEEDED' })],
  );
});

test('a hold of what a person must look at is not freed past them', async () => {
  scene.world.risk.answer = async () => ({ ...REVIEW, spending: SPENDING });
  const { id } = await scene.started();
  const holdId = String((await sql('SELECT hold_id FROM transfer.transfer WHERE id = $1', id)).rows[0]!['hold_id']);
  for (const actor of [newId<UserId>(), newId<UserId>()]) {
    const releasing = releaseHoldByTwo(scene.deps.pool, { holdId, actor });
    await expect(releasing).rejects.toMatchObject({ code: 'TRANSFER_IN_REVIEW' });
  }
  expect((await scene.balance()).held).toBeGreaterThan(0n);
});

describe('a letter that was only about trying again', () => {
  const retried = (id: TransferId, severity: string) =>
    sql(
      `SELECT transfer.retry_dead_letter(transfer.record_dead_letter(
         gen_random_uuid(), $1, 'TEST', 'TRANSIENT', '${severity}', 'test', '{}'), 'test')`,
      id,
    );
  const lettersOf = async (id: TransferId) => [await settleRetriedLetters(scene.deps.pool), await scene.lettersOf(id)];

  test('ends with its transfer, if that has ended since; one of more weight is for people', async () => {
    const id = await open();
    await retried(id, 'MEDIUM');
    expect(await lettersOf(id)).toEqual([0, [['TEST', 'MEDIUM']]]);
    // A step is no end.
    await sql(`SELECT transfer.step_transfer($1, NULL, 'PROVIDER_PROCESSING', NULL, NULL, NULL)`, id);
    expect(await lettersOf(id)).toEqual([0, [['TEST', 'MEDIUM']]]);
    await sql(`SELECT transfer.close_attempt($1, 1, 'DECLINED', NULL, 'no', 'No.')`, id);
    await sql(`SELECT transfer.fail_payout($1, 'no', NULL)`, id);
    expect(await lettersOf(id)).toEqual([1, []]);
    // It was tried again after the transfer had ended: that it has ended says nothing.
    await retried(id, 'LOW');
    expect(await lettersOf(id)).toEqual([0, [['TEST', 'LOW']]]);
    const other = await scene.started();
    await retried(other.id, 'HIGH');
    expect(await scene.cancel(other.id)).toEqual([]);
    expect(await lettersOf(other.id)).toEqual([0, [['TEST', 'HIGH']]]);
  });
});
