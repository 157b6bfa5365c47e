import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { TransferId } from '../../../platform/ids.ts';
import { openSettlementScene, type SentWebhook, type SettlementScene } from '../../../tests/settlement-scene.ts';
import { until } from '../../../tests/until.ts';
import { resultOf } from '../reconciliation/proof-store.ts';

/* Money that comes back after it had arrived, told by the genuine adapters: webhooks in any order and again, and statements before them. */

let scene: SettlementScene;

beforeAll(async () => {
  scene = await openSettlementScene();
});
afterAll(() => scene.close());

type Told = 'paystack' | 'flutterwave' | 'stripe';

/** A payout that has arrived and come back at its provider, of which the bank has heard nothing yet; and what the provider has told. */
async function cameBack(provider: Told): Promise<{ id: TransferId; arrived: SentWebhook; back: SentWebhook }> {
  const { id, key } = await scene.pay(provider);
  if (provider === 'stripe') {
    const paid = await until('it has arrived', () =>
      scene.stripe.payouts().find(({ transferId, status }) => transferId === id && status === 'paid'),
    );
    await scene.stripe.settlePayout(paid!.id, false);
    const [arrived, back] = [await scene.webhookWith(id, 'payout.paid'), await scene.webhookWith(id, 'payout.failed')];
    return { id, arrived, back };
  }
  const simulator = scene[provider];
  await until(
    'it has arrived',
    () => simulator.payouts().find(({ reference }) => reference === key)?.status === 'SUCCEEDED',
  );
  await simulator.settle(key, 'REVERSED');
  const words = provider === 'paystack' ? ['transfer.success', 'transfer.reversed'] : ['"SUCCESSFUL"', '"REVERSED"'];
  const [arrived, back] = [await scene.webhookWith(key, words[0]!), await scene.webhookWith(key, words[1]!)];
  return { id, arrived, back };
}

/** What stands in the books of a payout that came back: once, and linked both ways. */
async function isReversedOnce(id: TransferId): Promise<void> {
  const { rows } = await scene.world.admin.query<{ status: string; letters: number; links: number; left: string }>(
    `SELECT t.status, (SELECT count(*)::int FROM transfer.dead_letter l WHERE l.transfer_id = t.id) AS letters,
       (SELECT count(*)::int FROM ledger.entry o JOIN ledger.reversal r ON r.reverses = o.id JOIN ledger.entry e ON e.id = r.entry_id
        WHERE o.transfer_id = t.id AND o.kind = 'TRANSFER' AND e.transfer_id = t.id AND e.kind = 'REVERSAL' AND r.amount = t.amount) AS links,
       (SELECT sum(p.amount)::text FROM ledger.posting p JOIN ledger.entry e ON e.id = p.entry_id
        WHERE e.transfer_id = t.id AND p.account_id = t.source_account_id AND p.line_type <> 'FEE') AS left
     FROM transfer.transfer t WHERE t.id = $1`,
    [id],
  );
  expect(rows).toEqual([{ status: 'REVERSED', letters: 0, links: 1, left: '0' }]);
}

describe.each<Told>(['paystack', 'flutterwave', 'stripe'])('a payout by %s that comes back', (provider) => {
  test.each([
    ['in the order in which it happened', ['arrived', 'back'] as const],
    ['the other way round', ['back', 'arrived'] as const],
    ['twice each', ['arrived', 'back', 'back', 'arrived'] as const],
  ])('is REVERSED once when that is told %s', async (_how, order) => {
    const { id, ...told } = await cameBack(provider);
    for (const which of order) await scene.hear(told[which]);
    await scene.reaches(id, 'REVERSED');
    await isReversedOnce(id);
  });

  test('is REVERSED when a statement tells it before a webhook does, and the statement then fits', async () => {
    const { id, back } = await cameBack(provider);
    await scene.takeIn(provider);
    await until('it is given back', async () => {
      await scene.reaches(id, 'REVERSED');
      return true;
    });
    await scene.hear(back);
    await isReversedOnce(id);
    const [report] = await scene.takeIn(provider);
    expect(resultOf(report!.proof!)).toBe('PROVED');
    const { rowCount } = await scene.world.admin.query(
      `SELECT FROM transfer.reconciliation_exception WHERE provider = $1 AND closed_at IS NULL`,
      [provider],
    );
    expect(rowCount).toBe(0);
  });
});

test('a return that only the bank’s statement tells, long after the job has ended, is found by it', async () => {
  const { id, key } = await scene.pay('bankrail');
  await scene.reaches(id, 'COMPLETED');
  await scene.bankrail.settle(key, 'REVERSED');
  await scene.takeIn('bankrail');
  await until('it is given back', async () => (await scene.statusOf(id)) === 'REVERSED');
  await isReversedOnce(id);
  const [report] = await scene.takeIn('bankrail');
  expect(resultOf(report!.proof!)).toBe('PROVED');
});

test('what a provider keeps of a payout that came back is the bank’s cost; what it gives back is none', async () => {
  const before = {
    paystack: await scene.posted('PROVIDER_COST', 'paystack', 'ZAR'),
    flutterwave: await scene.posted('PROVIDER_COST', 'flutterwave', 'UGX'),
  };
  for (const provider of ['paystack', 'flutterwave'] as const) {
    const { id, back } = await cameBack(provider);
    await scene.hear(back);
    await scene.reaches(id, 'REVERSED');
    await scene.takeIn(provider);
  }
  expect(await scene.posted('PROVIDER_COST', 'paystack', 'ZAR')).toBe(before.paystack);
  expect(await scene.posted('PROVIDER_COST', 'flutterwave', 'UGX')).toBe(before.flutterwave - 1_000n);
});
