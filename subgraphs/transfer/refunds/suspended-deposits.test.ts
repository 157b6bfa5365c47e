import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { TransferId } from '../../../platform/ids.ts';
import { ProviderOutcomeUnknownError, type Charge } from '../../../providers/card-provider.ts';
import type { Payout } from '../../../providers/payout-provider.ts';
import { openCardRefundScene, stepsOf, type CardRefundScene } from '../../../tests/card-refund-scene.ts';
import { until } from '../../../tests/until.ts';
import { askAboutDeposit } from '../charge-deposit.ts';
import { giveBackDeposit } from '../deposit-store.ts';
import { retryDeadLetter } from '../operations/dead-letters.ts';

const declined: Payout = { outcome: 'DECLINED', reference: 're_1', code: 'charge_disputed', message: 'No.' };
const returned: Payout = {
  outcome: 'RETURNED',
  reference: 're_1',
  code: 'expired_or_canceled_card',
  message: 'Closed.',
};
const signal = new AbortController().signal;

let scene: CardRefundScene;
beforeAll(async () => {
  scene = await openCardRefundScene();
});
beforeEach(() => scene.beginRefunds());
afterEach(() => scene.world.proveBooks());
afterAll(() => scene.close());

const deps = () => ({
  pool: scene.world.jobsPool(),
  cards: scene.cards,
  wakeUp: { signal: () => scene.world.wake() },
  limits: { penalize: async () => {} },
});

/** A deposit whose account is closed by force while its card is charged. */
async function chargedForAClosedAccount(): Promise<TransferId> {
  let goOn = () => {};
  const waiting = new Promise<void>((resolve) => (goOn = resolve));
  scene.cards.script.push(async (charge) => {
    await waiting;
    return charge();
  });
  const { transfer } = await scene.create();
  await scene.reaches(transfer!.id, 'SENT_TO_PROVIDER');
  await scene.world.setStatus(scene.account, 'CLOSED');
  goOn();
  await scene.reaches(transfer!.id, 'FAILED');
  return transfer!.id;
}

/** A deposit of which the provider says that it was declined, and later that it was charged. */
async function chargedAfterItFailed(): Promise<TransferId> {
  scene.cards.script.push(async () => ({ outcome: 'DECLINED', chargeId: null, code: 'card_declined', message: 'No.' }));
  const { transfer } = await scene.create();
  await scene.reaches(transfer!.id, 'FAILED');
  const charge: Charge = { outcome: 'SUCCEEDED', chargeId: 'late' };
  const request = { key: 'late', transferId: transfer!.id, reference: '', amountMinor: 2550n, currency: 'USD' };
  scene.cards.charges.set('late', { request, charge });
  await askAboutDeposit(deps(), transfer!.id, signal);
  return transfer!.id;
}

const refundsOf = async (id: TransferId) => (await scene.shown(id)).refunds.map((refund) => refund.id);

async function firstRefundOf(id: TransferId, place = 0): Promise<TransferId> {
  return (await until('the bank gives it back', async () => (await refundsOf(id))[place]))!;
}

async function retry(id: TransferId): Promise<void> {
  const { rows } = await scene.world.admin.query<{ id: string }>(
    `SELECT id FROM transfer.dead_letter WHERE transfer_id = $1 AND kind = 'DEPOSIT_SUSPENDED' AND state <> 'RESOLVED'`,
    [id],
  );
  await retryDeadLetter(scene.world.jobsPool(), 'an admin', rows[0]!.id);
  scene.world.wake();
}

describe('money that was charged for nobody', () => {
  test('goes back to its card by itself when the account has been closed, and the letter ends with it', async () => {
    let goOn = () => {};
    const waiting = new Promise<void>((resolve) => (goOn = resolve));
    scene.stripe.sends.push(async (send) => {
      await waiting;
      return send();
    });
    const deposit = await chargedForAClosedAccount();
    expect(await scene.money()).toMatchObject({ posted: 0n, suspense: 2550n });
    expect(await scene.letters(deposit)).toEqual([['DEPOSIT_SUSPENDED', 'OPEN']]);
    goOn();
    const refund = await scene.ends(await firstRefundOf(deposit), 'COMPLETED');
    expect(refund).toMatchObject({
      type: 'WITHDRAWAL',
      refundOf: { id: deposit },
      source: { label: 'DwayBank', account: null },
      destination: { paymentMethod: { id: scene.card } },
    });
    expect(await scene.money()).toMatchObject({ posted: 0n, suspense: 0n });
    const now = await scene.shown(deposit);
    expect(stepsOf(now).slice(-2)).toEqual(['FAILED HELD_IN_SUSPENSE', 'FAILED REFUNDED']);
    expect(now).toMatchObject({ status: 'FAILED', refundedAmount: { amount: '25.50' } });
    expect(await scene.letters(deposit)).toEqual([['DEPOSIT_SUSPENDED', 'RESOLVED']]);
  });

  test('cannot be withdrawn, nor asked for, by the customer meanwhile', async () => {
    await scene.world.admin.query(
      `INSERT INTO transfer.outgoing_pause (id, scope, reason, paused_by) VALUES (gen_random_uuid(), 'ALL', 'test', 'test')`,
    );
    const deposit = await chargedForAClosedAccount();
    const id = await firstRefundOf(deposit);
    expect(await scene.cancel(id)).toEqual(['CANNOT_BE_CANCELLED']);
    expect((await scene.refund(deposit)).userErrors).toMatchObject([{ code: 'NOT_REFUNDABLE' }]);
    await scene.world.admin.query(`UPDATE transfer.outgoing_pause SET resumed_at = now(), resumed_by = 'test'`);
    await scene.ends(id, 'COMPLETED');
  });

  test('stays where it is while it is unknown, and goes back once', async () => {
    scene.stripe.sends.push(async (send) => {
      send();
      throw new ProviderOutcomeUnknownError('nobody answers');
    });
    scene.stripe.finds.push(() => Promise.reject(new ProviderOutcomeUnknownError('still nobody')));
    const deposit = await chargedForAClosedAccount();
    const id = await firstRefundOf(deposit);
    await until('it is unknown', async () => (await scene.shown(id)).status === 'PROVIDER_CONFIRMING');
    expect(await scene.money()).toMatchObject({ suspense: 2550n });
    await retry(deposit);
    await scene.ends(id, 'COMPLETED');
    await until('the retry was heard', () => scene.world.admin.query(CAUGHT_UP).then(({ rowCount }) => rowCount === 0));
    expect(await refundsOf(deposit)).toEqual([id]);
    expect(scene.stripe.paid.size).toBe(1);
  });

  test('that its card does not take is before staff again, whose retry sends it once more', async () => {
    scene.stripe.sends.push(async () => declined);
    const deposit = await chargedForAClosedAccount();
    const first = await firstRefundOf(deposit);
    await scene.ends(first, 'FAILED');
    expect(stepsOf(await scene.shown(deposit)).at(-1)).toBe('FAILED REFUND_FAILED');
    expect(await scene.letters(deposit)).toEqual([['DEPOSIT_SUSPENDED', 'OPEN']]);
    expect(await scene.money()).toMatchObject({ suspense: 2550n });
    await retry(deposit);
    await scene.ends(await firstRefundOf(deposit, 1), 'COMPLETED');
    expect(await scene.letters(deposit)).toEqual([['DEPOSIT_SUSPENDED', 'RESOLVED']]);
    expect(await scene.money()).toMatchObject({ suspense: 0n });
  });

  test('and comes back from the card later lies on suspense again, with a letter', async () => {
    const deposit = await chargedForAClosedAccount();
    const id = await firstRefundOf(deposit);
    await scene.ends(id, 'COMPLETED');
    await scene.told(id, returned);
    expect(await scene.shown(id)).toMatchObject({ status: 'REVERSED' });
    expect(await scene.money()).toMatchObject({ posted: 0n, suspense: 2550n });
    expect(await scene.letters(deposit)).toEqual([
      ['DEPOSIT_SUSPENDED', 'RESOLVED'],
      ['DEPOSIT_SUSPENDED', 'OPEN'],
    ]);
    expect(await scene.letters(id)).toEqual([]);
    await retry(deposit);
    await scene.ends(await firstRefundOf(deposit, 1), 'COMPLETED');
  });

  test('after its provider had said no waits for a person: nothing goes back before a retry', async () => {
    const deposit = await chargedAfterItFailed();
    expect(await refundsOf(deposit)).toEqual([]);
    expect(await scene.letters(deposit)).toEqual([['DEPOSIT_SUSPENDED', 'OPEN']]);
    await retry(deposit);
    await scene.ends(await firstRefundOf(deposit), 'COMPLETED');
    expect(stepsOf(await scene.shown(deposit)).slice(-2)).toEqual(['FAILED CHARGED_AFTER_END', 'FAILED REFUNDED']);
    expect(await scene.money()).toMatchObject({ suspense: 0n });
  });

  test('goes back once, however many begin it at the same moment; what is not on suspense does not', async () => {
    const deposit = await chargedAfterItFailed();
    const pool = scene.world.jobsPool();
    const begun = await Promise.all([1, 2, 3, 4].map(() => giveBackDeposit(pool, deposit)));
    expect(begun.filter(Boolean)).toHaveLength(1);
    scene.world.wake();
    await scene.ends(await firstRefundOf(deposit), 'COMPLETED');
    await scene.world.setStatus(scene.account, 'ACTIVE');
    expect(await giveBackDeposit(pool, await scene.deposited())).toBe(false);
  });
});

/** Retries that the listener has not come to yet. */
const CAUGHT_UP = `SELECT FROM platform.event e JOIN platform.listener_cursor c ON c.name = 'transfer.suspended-deposits'
  WHERE e.type = 'DeadLetterRetried' AND (e.xid, e.id) > (c.xid, c.id)`;
