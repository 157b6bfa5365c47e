import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ProviderOutcomeUnknownError } from '../../../providers/card-provider.ts';
import type { Payout } from '../../../providers/payout-provider.ts';
import { openCardRefundScene, stepsOf, type CardRefundScene } from '../../../tests/card-refund-scene.ts';
import { blocked, hold } from '../../../tests/deposit-jobs.ts';
import { until } from '../../../tests/until.ts';

const BEGUN = ['INITIATED', 'VALIDATING', 'BALANCE_RESERVED'];
const CHARGED = ['INITIATED', 'SENT_TO_PROVIDER', 'COMPLETED'];
const usd = (amount: string) => ({ amount, currency: 'USD' });
const declined: Payout = { outcome: 'DECLINED', reference: 're_1', code: 'charge_disputed', message: 'No.' };
const pending: Payout = { outcome: 'PENDING', reference: 're_1', step: 'BANK_PROCESSING' };
const returned: Payout = {
  outcome: 'RETURNED',
  reference: 're_1',
  code: 'expired_or_canceled_card',
  message: 'Closed.',
};

let scene: CardRefundScene;
beforeAll(async () => {
  scene = await openCardRefundScene();
});
beforeEach(() => scene.beginRefunds());
afterEach(() => scene.world.proveBooks());
afterAll(() => scene.close());

const codes = ({ userErrors }: { userErrors: { code: string }[] }) => userErrors.map(({ code }) => code);

describe('a deposit that is given back', () => {
  test('is held first, goes back to its card, and is REVERSED; the two are linked both ways', async () => {
    const deposit = await scene.deposited();
    let goOn = () => {};
    const waiting = new Promise<void>((resolve) => (goOn = resolve));
    scene.stripe.sends.push(async (send) => {
      await waiting;
      return send();
    });
    const answer = await scene.refund(deposit);
    expect(answer).toMatchObject({ refund: { type: 'WITHDRAWAL', refundOf: { id: deposit } }, userErrors: [] });
    const id = answer.refund!.id;
    await until('it is with Stripe', () => scene.stripe.calls.length === 1);
    expect(await scene.money()).toMatchObject({ posted: 2550n, held: 2550n });
    expect(await scene.shown(deposit)).toMatchObject({ status: 'COMPLETED', refundedAmount: { amount: '0.00' } });
    goOn();
    const refund = await scene.ends(id, 'COMPLETED');
    expect(stepsOf(refund)).toEqual([...BEGUN, 'SENT_TO_PROVIDER', 'COMPLETED']);
    expect(refund).toMatchObject({
      refundOf: { id: deposit },
      source: { account: { id: scene.account } },
      destination: { paymentMethod: { id: scene.card } },
    });
    const now = await scene.shown(deposit);
    expect(stepsOf(now)).toEqual([...CHARGED, 'REVERSED REFUNDED']);
    expect(now).toMatchObject({ status: 'REVERSED', refunds: [{ id }], refundedAmount: { amount: '25.50' } });
    expect(await scene.money()).toMatchObject({ posted: 0n, held: 0n });
    const [sent] = [...scene.stripe.paid.values()];
    expect(sent!.request).toMatchObject({
      transferId: id,
      amountMinor: 2550n,
      destination: { kind: 'CHARGE', depositId: deposit },
    });
    const lines = await scene.world.admin.query(
      'SELECT line_type, amount::text FROM ledger.posting WHERE account_id = $1 ORDER BY id',
      [scene.account],
    );
    expect(lines.rows).toEqual([
      { line_type: 'DEPOSIT', amount: '2550' },
      { line_type: 'REVERSAL', amount: '-2550' },
    ]);
  });

  test('is locked before what gives it back, as by whoever books its charge', async () => {
    const deposit = await scene.deposited();
    const id = await scene.refunding(deposit);
    await scene.ends(id, 'COMPLETED');
    const { admin } = scene.world;
    const booking = await hold(admin, 'SELECT FROM transfer.transfer WHERE id = $1 FOR NO KEY UPDATE', [deposit]);
    const locking = scene.world.jobsPool().query('SELECT transfer.lock_transfer($1)', [id]);
    try {
      await blocked(admin, 'lock_transfer');
      const free = 'SELECT FROM transfer.transfer WHERE id = $1 FOR NO KEY UPDATE NOWAIT';
      expect((await admin.query(free, [id])).rowCount).toBe(1);
    } finally {
      await booking.letGo();
      await locking;
    }
  });

  test('in parts goes back part by part, and what remains last', async () => {
    const deposit = await scene.deposited();
    const first = await scene.refunding(deposit, { amount: usd('10.00') });
    await scene.ends(first, 'COMPLETED');
    expect(await scene.shown(deposit)).toMatchObject({ status: 'COMPLETED', refundedAmount: { amount: '10.00' } });
    expect(codes(await scene.refund(deposit, { amount: usd('15.51') }))).toEqual(['REFUND_EXCEEDS_REMAINING']);
    const rest = await scene.refunding(deposit);
    await scene.ends(rest, 'COMPLETED');
    const now = await scene.shown(deposit);
    expect(stepsOf(now).slice(3)).toEqual(['COMPLETED REFUNDED', 'REVERSED REFUNDED']);
    expect(now).toMatchObject({ refunds: [{ id: first }, { id: rest }], refundedAmount: { amount: '25.50' } });
    expect(codes(await scene.refund(deposit))).toEqual(['REFUND_EXCEEDS_REMAINING']);
  });

  test('by ten at once goes back never more than remains', async () => {
    const deposit = await scene.deposited();
    // There is enough on the account for all of them.
    await scene.world.fund(scene.account, '500.00', 'USD');
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => scene.refund(deposit, { amount: usd('10.00') })),
    );
    const done = answers.flatMap(({ refund }) => (refund ? [refund.id] : []));
    expect(done).toHaveLength(2);
    expect(answers.flatMap(codes)).toEqual(Array.from({ length: 8 }, () => 'REFUND_EXCEEDS_REMAINING'));
    for (const id of done) await scene.ends(id, 'COMPLETED');
    expect(scene.stripe.paid.size).toBe(2);
    expect(await scene.money()).toMatchObject({ posted: 50_550n, held: 0n });
  });

  test('and was spent is refused, to staff too, and nothing is sent', async () => {
    const deposit = await scene.deposited();
    const elsewhere = await scene.world.account(scene.ada);
    const spend = { source: { accountId: scene.account }, destination: { accountId: elsewhere }, amount: usd('0.51') };
    await scene.create(spend);
    expect(codes(await scene.refund(deposit, { idempotencyKey: 'spent' }))).toEqual(['INSUFFICIENT_FUNDS']);
    expect(codes(await scene.reverse(deposit, { shortfall: 'RECEIVABLE' }))).toEqual(['INSUFFICIENT_FUNDS']);
    // Final for its key, whatever comes onto the account afterwards.
    await scene.world.fund(scene.account, '100.00', 'USD');
    expect(await scene.refund(deposit, { idempotencyKey: 'spent' })).toMatchObject({ replayed: true, refund: null });
    expect(scene.stripe.calls).toEqual([]);
    expect(await scene.money()).toMatchObject({ posted: 12_499n, held: 0n });
  });

  test('once per key, whoever repeats it; with another body the key is refused', async () => {
    const deposit = await scene.deposited();
    const key = { idempotencyKey: 'again', amount: usd('5.00') };
    const answers = await Promise.all([1, 2, 3].map(() => scene.refund(deposit, key)));
    const [id] = new Set(answers.map(({ refund }) => refund!.id));
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    await scene.ends(id!, 'COMPLETED');
    expect(await scene.refund(deposit, key)).toMatchObject({ replayed: true, refund: { id, status: 'COMPLETED' } });
    const other = { ...key, amount: usd('6.00') };
    expect(codes(await scene.refund(deposit, other))).toEqual(['IDEMPOTENCY_KEY_REUSED']);
    expect(scene.stripe.paid.size).toBe(1);
  });

  test('keeps its hold while it is unknown, is asked for and never doubled', async () => {
    const deposit = await scene.deposited();
    scene.stripe.sends.push(async (send) => {
      send();
      throw new ProviderOutcomeUnknownError('nobody answers');
    });
    scene.stripe.finds.push(() => Promise.reject(new ProviderOutcomeUnknownError('still nobody')));
    const id = await scene.refunding(deposit);
    await until('it is unknown', async () => (await scene.shown(id)).status === 'PROVIDER_CONFIRMING');
    expect(await scene.money()).toMatchObject({ posted: 2550n, held: 2550n });
    // Nor is it given a second time while nobody knows.
    expect(codes(await scene.refund(deposit))).toEqual(['REFUND_EXCEEDS_REMAINING']);
    await scene.ends(id, 'COMPLETED');
    expect(scene.stripe.calls.filter((call) => call.startsWith('send'))).toHaveLength(1);
  });

  test('that Stripe never took is sent again, under the same key', async () => {
    scene.stripe.sends.push(() => Promise.reject(new ProviderOutcomeUnknownError('lost on the way')));
    const id = await scene.refunding(await scene.deposited());
    await scene.ends(id, 'COMPLETED');
    expect(new Set(scene.stripe.calls.filter((call) => call.startsWith('send'))).size).toBe(1);
    expect(scene.stripe.paid.size).toBe(1);
  });

  test('that is pending first is completed by Stripe’s own word', async () => {
    scene.stripe.sends.push(async () => pending);
    const id = await scene.refunding(await scene.deposited());
    await until('it is under way', async () => (await scene.shown(id)).status === 'PROVIDER_PROCESSING');
    await Promise.all([1, 2].map(() => scene.told(id, { outcome: 'SUCCEEDED', reference: 're_1', feeMinor: null })));
    expect(await scene.shown(id)).toMatchObject({ status: 'COMPLETED' });
    expect(await scene.money()).toMatchObject({ posted: 0n, held: 0n });
  });

  test('and declined is on the account again, and may be given back another time', async () => {
    const deposit = await scene.deposited();
    scene.stripe.sends.push(async () => declined);
    const id = await scene.refunding(deposit);
    expect(await scene.ends(id, 'FAILED')).toMatchObject({ failureCode: 'charge_disputed' });
    expect(await scene.money()).toMatchObject({ posted: 2550n, held: 0n });
    expect(stepsOf(await scene.shown(deposit)).at(-1)).toBe('COMPLETED REFUND_FAILED');
    await scene.ends(await scene.refunding(deposit), 'COMPLETED');
  });

  test('and comes back days later is on the account again; what was told of the deposit stays', async () => {
    const deposit = await scene.deposited();
    const id = await scene.refunding(deposit);
    await scene.ends(id, 'COMPLETED');
    await Promise.all([1, 2].map(() => scene.told(id, returned)));
    expect(await scene.shown(id)).toMatchObject({ status: 'REVERSED' });
    const now = await scene.shown(deposit);
    expect(stepsOf(now).slice(3)).toEqual(['REVERSED REFUNDED', 'REVERSED REFUND_RETURNED']);
    expect(now.refundedAmount).toEqual({ amount: '0.00' });
    expect(await scene.money()).toMatchObject({ posted: 2550n, held: 0n });
    await scene.ends(await scene.refunding(deposit), 'COMPLETED');
  });

  test('goes to a card that was disconnected meanwhile, too', async () => {
    const [deposit, { card }] = [await scene.deposited(), scene];
    await scene.world.unlink(scene.ada, card);
    await scene.ends(await scene.refunding(deposit), 'COMPLETED');
    scene.card = await scene.world.link(scene.ada);
  });

  test('by another, from a frozen account, before it has arrived, or as a refund itself is refused', async () => {
    const deposit = await scene.deposited();
    expect(codes(await scene.refund(deposit, {}, scene.bob))).toEqual(['TRANSFER_NOT_FOUND']);
    await scene.world.setStatus(scene.account, 'FROZEN');
    expect(codes(await scene.refund(deposit))).toEqual(['ACCOUNT_FROZEN']);
    await scene.world.setStatus(scene.account, 'ACTIVE');
    scene.cards.script.push(async () => ({ outcome: 'PENDING', chargeId: 'pi_1' }));
    const { transfer } = await scene.create();
    await scene.reaches(transfer!.id, 'PROVIDER_CONFIRMING');
    expect(codes(await scene.refund(transfer!.id))).toEqual(['NOT_REFUNDABLE']);
    const id = await scene.refunding(deposit);
    await scene.ends(id, 'COMPLETED');
    expect(codes(await scene.reverse(id))).toEqual(['NOT_REFUNDABLE']);
  });

  test('by staff is not withdrawn by its customer; what the customer asked for is, until it is sent', async () => {
    const deposit = await scene.deposited();
    await scene.world.admin.query(
      `INSERT INTO transfer.outgoing_pause (id, scope, reason, paused_by) VALUES (gen_random_uuid(), 'ALL', 'test', 'test')`,
    );
    const own = await scene.refunding(deposit, { amount: usd('1.00') });
    const banks = await scene.reverse(deposit, { amount: usd('2.00') });
    expect(await scene.cancel(own)).toEqual([]);
    expect(await scene.cancel(banks.refund!.id)).toEqual(['CANNOT_BE_CANCELLED']);
    await scene.world.admin.query(`UPDATE transfer.outgoing_pause SET resumed_at = now(), resumed_by = 'test'`);
    await scene.ends(banks.refund!.id, 'COMPLETED');
    expect(stepsOf(await scene.shown(own)).at(-1)).toBe('CANCELLED');
    expect(await scene.money()).toMatchObject({ posted: 2350n, held: 0n });
  });
});
