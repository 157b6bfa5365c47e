import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { resumePosting, stopPosting } from '../../../ledger/posting-gate.ts';
import { formatAmount } from '../../../platform/money.ts';
import { openSettlementScene, today, type SettlementScene } from '../../../tests/settlement-scene.ts';
import { until } from '../../../tests/until.ts';
import { resultOf } from './proof-store.ts';

/* What providers take for themselves, against their own statements in their own form; and against reports that say otherwise. */

let scene: SettlementScene;
/** What Paystack has cost before the test, in cents of a rand. */
let before: bigint;

beforeAll(async () => {
  scene = await openSettlementScene();
});
beforeEach(async () => {
  before = await cost();
});
afterAll(() => scene.close());

const cost = () => scene.posted('PROVIDER_COST', 'paystack', 'ZAR');

/** What staff imports of Paystack; amounts in cents. Returns how many exceptions it opened. */
async function told(lines: { id: string; kind: string; amount: bigint; reference?: string }[]): Promise<number> {
  const content = JSON.stringify({
    currency: 'ZAR',
    from: today(),
    to: today(),
    lines: lines.map(({ amount, ...line }) => ({
      ...line,
      bookedOn: today(),
      amount: `${amount < 0n ? '-' : ''}${formatAmount(amount < 0n ? -amount : amount, 'ZAR')}`,
    })),
  });
  const { data } = await scene.world.execute(
    scene.staff,
    `mutation ($input: ImportSettlementReportInput!) { importSettlementReport(input: $input) {
       reports { opened } userErrors { code message } } }`,
    { input: { provider: 'paystack', format: 'JSON', content } },
  );
  const { reports, userErrors } = data!['importSettlementReport'] as {
    reports: { opened: number }[] | null;
    userErrors: unknown[];
  };
  if (!reports) throw new Error(JSON.stringify(userErrors));
  return reports[0]!.opened;
}

async function openExceptions(provider: string): Promise<string[]> {
  const { rows } = await scene.world.admin.query<{ kind: string }>(
    `SELECT kind FROM transfer.reconciliation_exception WHERE provider = $1 AND closed_at IS NULL ORDER BY kind`,
    [provider],
  );
  return rows.map(({ kind }) => kind);
}

async function paid(): Promise<string> {
  const { id, key } = await scene.pay('paystack');
  await scene.reaches(id, 'COMPLETED');
  return key;
}

describe('the statement of a provider', () => {
  test('proves the day, with what the provider took, what it took for failures, and what the bank put in', async () => {
    await paid();
    expect(await cost()).toBe(before - 300n);
    const [first] = await scene.takeIn('paystack');
    expect(resultOf(first!.proof!)).toBe('PROVED');
    // What lay there before is the bank's own.
    expect(await scene.posted('OWN_FUNDS', '', 'ZAR')).toBe(900_000_000_000n);
    await scene.paystack.topUp('ZAR', 50_000n);
    const failing = await scene.pay('paystack', 'bank:058:0123450002');
    await scene.reaches(failing.id, 'FAILED');
    const [second] = await scene.takeIn('paystack');
    expect(resultOf(second!.proof!)).toBe('PROVED');
    expect(second!.proof!.theirsMinor).toBe(900_000_000_000n - 10_300n + 50_000n);
    expect(await scene.posted('OWN_FUNDS', '', 'ZAR')).toBe(900_000_050_000n);
    // Told again, also by two at once, nothing is booked a second time.
    const again = await Promise.all([scene.takeIn('paystack'), scene.takeIn('paystack')]);
    expect(again.flat()).toMatchObject([0, 1].map(() => ({ newLines: 0, matches: 0, opened: 0 })));
    expect(await cost()).toBe(before - 300n);
    expect(await openExceptions('paystack')).toEqual([]);
  });

  test('explains what is still under way there, and proves it when it has ended', async () => {
    const { id, key } = await scene.pay('paystack', 'bank:058:0123450003');
    await until('it is there', () => scene.paystack.payouts().some(({ reference }) => reference === key));
    await scene.reaches(id, 'PROVIDER_PROCESSING');
    const [meanwhile] = await scene.takeIn('paystack');
    expect(resultOf(meanwhile!.proof!)).toBe('EXPLAINED');
    expect(await openExceptions('paystack')).toEqual([]);
    expect(await cost()).toBe(before);
    await scene.paystack.settle(key, 'SUCCEEDED');
    await scene.reaches(id, 'COMPLETED');
    const [report] = await scene.takeIn('paystack');
    expect(resultOf(report!.proof!)).toBe('PROVED');
    expect(await cost()).toBe(before - 300n);
  });

  test('says what nobody had said before: Stripe’s fees for a deposit and for a payout', async () => {
    const { id } = await scene.pay('stripe');
    await scene.reaches(id, 'COMPLETED');
    const saved = await scene.cards.saveCard('pm_card_visa', scene.ada.userId, AbortSignal.timeout(20_000));
    const input = {
      idempotencyKey: 'deposit',
      source: { paymentMethodId: await scene.world.link(scene.ada, { reference: saved.reference }) },
      destination: { accountId: await scene.world.account(scene.ada, 'USD') },
      amount: { amount: '200.00', currency: 'USD' },
    };
    await scene.world.execute(
      scene.ada,
      'mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } } }',
      { input },
    );
    await until('it is credited', async () => (await scene.world.balance(input.destination.accountId as never)) > 0n);
    expect(await scene.posted('PROVIDER_COST', 'stripe', 'USD')).toBe(0n);
    const [report] = await scene.takeIn('stripe');
    expect(resultOf(report!.proof!)).toBe('PROVED');
    expect(report!.proof!.timingMinor).toBe(0n);
    expect(await scene.posted('PROVIDER_COST', 'stripe', 'USD')).toBe(-610n - 150n);
    expect(await openExceptions('stripe')).toEqual([]);
  });
});

describe('a report', () => {
  test.each([
    ['a little more than was assumed', -310n, -10n, 0],
    ['much more than was assumed, which a person is told', -500n, -200n, 1],
    ['nothing', 0n, 300n, 0],
  ])('that says %s is booked by the difference, once', async (_what, charge, difference, exceptions) => {
    const reference = await paid();
    const lines = [
      { id: `p-${reference}`, kind: 'PAYMENT', amount: -10_000n, reference },
      { id: `c-${reference}`, kind: 'CHARGE', amount: charge, reference },
    ];
    expect(await told(lines)).toBe(exceptions);
    expect(await cost()).toBe(before - 300n + difference);
    expect(await told([...lines, { id: `0-${reference}`, kind: 'CHARGE', amount: 0n, reference }])).toBe(0);
    expect(await cost()).toBe(before - 300n + difference);
    // It fits: what is open of it are the person's alone.
    expect((await openExceptions('paystack')).filter((kind) => kind !== 'CHARGE_DIFFERS')).toEqual([]);
  });

  test('of a charge for no payment of ours is booked, and a person is told; closed it stays closed', async () => {
    const line = { id: 'monthly', kind: 'CHARGE', amount: -2_500n };
    expect(await told([line])).toBe(1);
    expect(await cost()).toBe(before - 2_500n);
    const { rows } = await scene.world.admin.query<{ id: string }>(
      `SELECT id FROM transfer.reconciliation_exception WHERE kind = 'CHARGE_DIFFERS' AND amount = -2500`,
    );
    await scene.world.execute(
      scene.staff,
      `mutation ($id: ID!) { resolveReconciliationException(id: $id, resolution: "As agreed.") { userErrors { code } } }`,
      { id: rows[0]!.id },
    );
    expect(await told([line, { id: 'other', kind: 'OWN_FUNDS', amount: 1n }])).toBe(0);
    expect(await cost()).toBe(before - 2_500n);
  });

  test('that comes while nothing is posted waits in its lines, and payouts are still captured with what was taken', async () => {
    const { id, key } = await scene.pay('paystack', 'bank:058:0123450003');
    await scene.reaches(id, 'PROVIDER_PROCESSING');
    await stopPosting(scene.world.jobsPool(), 'a test');
    try {
      await scene.paystack.settle(key, 'SUCCEEDED');
      await scene.reaches(id, 'COMPLETED');
      expect(await cost()).toBe(before - 300n);
      await told([{ id: 'late', kind: 'CHARGE', amount: -100n }]);
      expect(await cost()).toBe(before - 300n);
    } finally {
      await resumePosting(scene.world.jobsPool());
    }
    await told([{ id: 'later', kind: 'CHARGE', amount: -1n }]);
    expect(await cost()).toBe(before - 300n - 100n - 1n);
  });
});
