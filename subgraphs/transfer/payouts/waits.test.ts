import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Payout } from '../../../providers/payout-provider.ts';
import { ProviderOutcomeUnknownError } from '../../../providers/card-provider.ts';
import { blocked, hold, holdRelay, type Held } from '../../../tests/deposit-jobs.ts';
import { payoutJobGone, payoutJobWaits } from '../../../tests/payout-jobs.ts';
import { BEGUN, openPayoutScene, steps, type PayoutScene } from '../../../tests/payout-scene.ts';
import { until } from '../../../tests/until.ts';
import { applyProviderNotice } from './apply-provider-notice.ts';
import { payOut } from './pay-out.ts';
import { closeAttempt } from './payout-store.ts';

/* What keeps a payout from going (further), and what it waits for then. */

let scene: PayoutScene;
const held: Held[] = [];

beforeAll(async () => {
  scene = await openPayoutScene();
});
beforeEach(() => scene.begin());
afterEach(async () => {
  for (const each of held.splice(0)) await each.letGo();
});
afterAll(() => scene.close());

const signal = new AbortController().signal;
const FREE = { posted: 100_000n, held: 0n };
const unknown = () => Promise.reject(new ProviderOutcomeUnknownError('nobody answers'));
const declined: Payout = { outcome: 'DECLINED', reference: 'r', code: 'no_such_account', message: 'No.' };
const succeeded: Payout = { outcome: 'SUCCEEDED', reference: 'r', feeMinor: null };

/** A payout whose job does not begin before the relay is let go. */
async function notBegun(change: object = {}): Promise<{ id: string; relay: Held }> {
  const relay = await holdRelay(scene.world.admin);
  held.push(relay);
  const { id } = await scene.started({ ...change });
  return { id, relay };
}

const waits = (id: string) => until('its job waits', () => payoutJobWaits(scene.world.admin, id));

describe('a payout whose account was frozen before it was sent', () => {
  test('is not sent while that lasts, and goes when the account is free again', async () => {
    const { id, relay } = await notBegun();
    await scene.world.setStatus(scene.account, 'FROZEN');
    await relay.letGo();
    await waits(id);
    expect(steps((await scene.read(id))!)).toEqual(BEGUN);
    expect(scene.payouts.providers.bankrail.calls).toEqual([]);
    await scene.world.setStatus(scene.account, 'ACTIVE');
    await scene.hurriedTo(id, 'COMPLETED');
  });

  test('expires with its hold', async () => {
    const { id, relay } = await notBegun();
    await scene.world.setStatus(scene.account, 'FROZEN');
    await relay.letGo();
    await waits(id);
    const { rows } = await scene.world.admin.query(
      `UPDATE ledger.hold SET expires_at = now() - interval '1 second' WHERE transfer_id = $1 AND expires_at IS NOT NULL
       RETURNING status`,
      [id],
    );
    expect(rows).toEqual([{ status: 'OPEN' }]);
    await scene.hurriedTo(id, 'EXPIRED');
    expect(await scene.balance()).toEqual(FREE);
    expect(scene.payouts.providers.bankrail.calls).toEqual([]);
    await scene.world.setStatus(scene.account, 'ACTIVE');
  });

  test('at the very moment at which it would have been sent is not sent', async () => {
    const { id } = await notBegun();
    const freezing = await hold(scene.world.admin, `UPDATE ledger.account SET status = 'FROZEN' WHERE id = $1`, [
      scene.account,
    ]);
    held.push(freezing);
    const sender = payOut(scene.deps, id as never, signal);
    await blocked(scene.world.admin, 'send_payout');
    await freezing.letGo();
    await expect(sender).rejects.toThrow('waits for its account');
    expect(await scene.attemptsOf(id)).toEqual([]);
    await scene.world.setStatus(scene.account, 'ACTIVE');
    expect(await scene.cancel(id)).toEqual([]);
  });

  test('goes on when a provider has had it already', async () => {
    const { bankrail, paystack } = scene.payouts.providers;
    bankrail.sends.push(unknown);
    const { id } = await scene.started();
    await scene.reaches(id, 'PROVIDER_CONFIRMING');
    await scene.world.setStatus(scene.account, 'FROZEN');
    await scene.hurriedTo(id, 'COMPLETED');
    expect(paystack.paid.size).toBe(1);
    await scene.world.setStatus(scene.account, 'ACTIVE');
  });
});

describe('a payout of which a provider has said what cannot be true', () => {
  const tell = (id: string, said: Payout, provider: string) =>
    applyProviderNotice(scene.deps, id as never, { provider, payout: said });
  const resolve = (id: string) =>
    scene.world.admin.query(
      `UPDATE transfer.dead_letter SET state = 'RESOLVED', resolved_at = now() WHERE transfer_id = $1`,
      [id],
    );

  /** Given to the bank rail, which declined it; then a provider says that it has paid it. Nobody has gone on with it yet. */
  async function contradicted(by: 'bankrail' | 'paystack'): Promise<string> {
    const { id } = await notBegun();
    scene.payouts.providers.bankrail.sends.push(unknown);
    await expect(payOut(scene.deps, id as never, signal)).rejects.toThrow('has not said');
    if (by === 'bankrail') {
      const end = { outcome: 'DECLINED', code: 'no', message: 'No.' } as const;
      await closeAttempt(scene.deps.pool, { transferId: id as never, number: 1 }, end);
    }
    await tell(id, succeeded, by);
    if (by === 'paystack') await tell(id, declined, 'bankrail');
    return id;
  }

  test.each(['bankrail', 'paystack'] as const)('(%s) goes to no other until staff has resolved that', async (by) => {
    const id = await contradicted(by);
    await expect(payOut(scene.deps, id as never, signal)).rejects.toThrow('waits for its staff');
    expect(await scene.attemptsOf(id)).toEqual(['bankrail DECLINED']);
    expect((await scene.balance()).held).toBeGreaterThan(0n);
    await resolve(id);
    await payOut(scene.deps, id as never, signal);
    expect(await scene.attemptsOf(id)).toEqual(['bankrail DECLINED', 'paystack SUCCEEDED']);
  });

  test('does not fail and gives nothing back, though nobody is left to carry it', async () => {
    scene.payouts.names = ['bankrail'];
    const id = await contradicted('bankrail');
    await expect(payOut(scene.deps, id as never, signal)).rejects.toThrow('waits for its staff');
    for (const attempt of ['fail_payout', 'begin_compensation']) {
      const { rows } = await scene.world.admin.query(`SELECT transfer.${attempt}($1, 'no', NULL) AS status`, [id]);
      expect(rows).toEqual([{ status: 'PROVIDER_CONFIRMING' }]);
    }
    const { rows } = await scene.world.admin.query(`SELECT sent FROM transfer.send_payout($1, 'paystack', '{}', '')`, [
      id,
    ]);
    expect(rows).toEqual([{ sent: false }]);
    expect((await scene.balance()).held).toBeGreaterThan(0n);
    await resolve(id);
    await payOut(scene.deps, id as never, signal);
    expect((await scene.read(id))!.status).toBe('FAILED');
    expect(await scene.balance()).toEqual(FREE);
  });

  test('goes on by a notice that was known already, whose first taker died before it made the job', async () => {
    const { bankrail } = scene.payouts.providers;
    bankrail.sends.push(unknown);
    const { id } = await scene.started();
    await scene.reaches(id, 'PROVIDER_CONFIRMING');
    await waits(id);
    await closeAttempt(scene.deps.pool, { transferId: id, number: 1 }, { ...declined, outcome: 'DECLINED' } as never);
    await scene.world.admin.query(
      'SELECT transfer_jobs.complete_jobs(array_agg(id)) FROM transfer_jobs.jobs WHERE key = $1',
      [`payout:${id}`],
    );
    await payoutJobGone(scene.world.admin, id);
    await tell(id, declined, 'bankrail');
    await scene.reaches(id, 'COMPLETED');
  });
});

describe('a payout to a payment method that was disconnected', () => {
  test('before it was sent FAILS, and its money is free', async () => {
    const method = await scene.world.link(scene.ada, { reference: 'iban:DE89370400440532013000' });
    const { id, relay } = await notBegun({ destination: { paymentMethodId: method } });
    await scene.world.admin.query('UPDATE transfer.payment_method SET active = false WHERE id = $1', [method]);
    await relay.letGo();
    expect((await scene.reaches(id, 'FAILED')).failureCode).toBe('payment_method_disconnected');
    expect(await scene.balance()).toEqual(FREE);
    expect(scene.payouts.providers.bankrail.calls).toEqual([]);
  });

  test('after it was sent goes where it went', async () => {
    const method = await scene.world.link(scene.ada, { reference: 'iban:DE89370400440532013000' });
    scene.payouts.providers.bankrail.sends.push(unknown);
    const { id } = await scene.started({ destination: { paymentMethodId: method } });
    await scene.reaches(id, 'PROVIDER_CONFIRMING');
    await scene.world.unlink(scene.ada, method);
    await scene.hurriedTo(id, 'COMPLETED');
  });
});

describe('the job of a payout', () => {
  test('runs again after a retry that came while it was under way', async () => {
    let goOn = () => {};
    const waiting = new Promise<void>((resolve) => (goOn = resolve));
    scene.payouts.providers.bankrail.sends.push(async (send) => {
      await waiting;
      return send();
    });
    const { id } = await scene.started();
    await scene.reaches(id, 'SENT_TO_PROVIDER');
    const letter = `SELECT transfer.retry_dead_letter(transfer.record_dead_letter(
      gen_random_uuid(), $1, 'PAYOUT_NOT_CAPTURED', 'RECOVERABLE', 'CRITICAL', 'test', '{}'), 'test')`;
    await scene.world.admin.query(letter, [id]);
    scene.world.wake();
    await until('another run has begun, or will', async () => {
      const { rows } = await scene.world.admin.query<{ runs: number }>(
        `SELECT count(*)::int AS runs FROM transfer_jobs._private_jobs WHERE payload ->> 'transferId' = $1`,
        [id],
      );
      return rows[0]!.runs === 2;
    });
    goOn();
    await scene.hurriedTo(id, 'COMPLETED');
    await scene.world.admin.query(
      `UPDATE transfer.dead_letter SET state = 'RESOLVED', resolved_at = now() WHERE transfer_id = $1`,
      [id],
    );
  });

  test('tells each thing once that a provider says again and again', async () => {
    const { bankrail } = scene.payouts.providers;
    const pending = async (): Promise<Payout> => ({ outcome: 'PENDING', reference: 'r', step: 'CLEARING' });
    bankrail.sends.push(pending);
    bankrail.finds.push(unknown, pending, unknown, pending, unknown, pending);
    const { id } = await notBegun();
    for (let ask = 0; ask < 7; ask++) await payOut(scene.deps, id as never, signal).catch(() => {});
    expect(steps((await scene.read(id))!)).toEqual([
      ...BEGUN,
      'SENT_TO_PROVIDER',
      'PROVIDER_PROCESSING CLEARING',
      'PROVIDER_CONFIRMING',
    ]);
    bankrail.finds.push(async () => succeeded);
    await payOut(scene.deps, id as never, signal);
    expect((await scene.read(id))!.status).toBe('COMPLETED');
  });
});

describe('giving a payout to a provider', () => {
  const QUOTE = `mutation ($input: QuoteTransferInput!) { quoteTransfer(input: $input) { quote { id } } }`;

  test.each([
    ['limits', `SELECT FROM ledger.spending_limit WHERE owner_id = $1 AND scope = 'TOTAL' FOR UPDATE`],
    ['its quote', `SELECT FROM transfer.quote WHERE user_id = $1 FOR UPDATE`],
  ])('waits for %s before it has the account, so that it meets nobody the wrong way round', async (_what, lock) => {
    const { idempotencyKey: _key, ...input } = scene.input();
    const { data } = await scene.world.execute(scene.ada, QUOTE, { input });
    const quoteId = (data!['quoteTransfer'] as { quote: { id: string } }).quote.id;
    const { id } = await notBegun({ quoteId });
    const other = await hold(scene.world.admin, lock, [scene.ada.userId]);
    held.push(other);
    const sender = payOut(scene.deps, id as never, signal);
    await blocked(scene.world.admin, 'send_payout');
    const account = 'SELECT FROM ledger.account WHERE id = $1 FOR UPDATE NOWAIT';
    expect((await scene.world.admin.query(account, [scene.account])).rowCount).toBe(1);
    await other.letGo();
    await sender;
    expect((await scene.read(id))!.status).toBe('COMPLETED');
  });
});
