import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { TransferId } from '../../../platform/ids.ts';
import type { Payout } from '../../../providers/payout-provider.ts';
import { payoutKey } from '../../../tests/scripted-registry.ts';
import { openPayoutScene, type PayoutScene } from '../../../tests/payout-scene.ts';
import { askPayout } from './apply-provider-notice.ts';

/* What a provider tells on its own is a hint, signed or not: what it says when asked is what counts. */

let scene: PayoutScene;

beforeAll(async () => {
  scene = await openPayoutScene();
});
beforeEach(() => scene.begin());
afterAll(() => scene.close());

const signal = new AbortController().signal;
const CONTRADICTION = [['PROVIDER_CONTRADICTION', 'CRITICAL']];

type Words = (reference: string) => Payout;
const pending: Words = (reference) => ({ outcome: 'PENDING', reference, step: 'CLEARING' });
const succeeded: Words = (reference) => ({ outcome: 'SUCCEEDED', reference, feeMinor: 20n });
const declined: Words = (reference) => ({ outcome: 'DECLINED', reference, code: 'failed', message: 'No.' });
const returned: Words = (reference) => ({ outcome: 'RETURNED', reference, code: 'reversed', message: 'It came back.' });

/** A payout that the bank rail works on, and knows by a name of its own. */
async function underWay(): Promise<{ id: TransferId; name: string }> {
  const { bankrail } = scene.payouts.providers;
  bankrail.sends.push(async (_send, request) => {
    const payout = pending(`bankrail-${request.key}`);
    bankrail.paid.set(request.key, { request, payout });
    return payout;
  });
  const { id } = await scene.started();
  await scene.reaches(id, 'PROVIDER_PROCESSING');
  return { id, name: `bankrail-${payoutKey(id)}` };
}

/** From now on it says this when it is asked. */
function says(id: string, payout: Payout): void {
  const { paid } = scene.payouts.providers.bankrail;
  paid.set(payoutKey(id), { ...paid.get(payoutKey(id))!, payout });
}

const hear = (id: TransferId, said: Payout | null, isOld = false) =>
  askPayout(scene.deps, id, signal, { provider: 'bankrail', said, isOld });

describe('a notice', () => {
  test('that a payout failed sends nothing elsewhere while its provider says that it works on it', async () => {
    const { id, name } = await underWay();
    await expect(hear(id, declined(name))).rejects.toThrow('does not say yet');
    expect([await scene.attemptsOf(id), await scene.lettersOf(id)]).toEqual([['bankrail OPEN'], []]);
    // It has had its time: now they are two words of one provider, and people look.
    await hear(id, declined(name), true);
    expect([await scene.attemptsOf(id), await scene.lettersOf(id)]).toEqual([['bankrail OPEN'], CONTRADICTION]);
    expect(scene.payouts.providers.paystack.calls).toEqual([]);
    says(id, succeeded(name));
    await scene.hurriedTo(id, 'COMPLETED');
  });

  test('that a payout failed, which its provider has paid, completes it, and staff hear of it', async () => {
    const { id, name } = await underWay();
    says(id, succeeded(name));
    await hear(id, declined(name));
    expect((await scene.read(id))!.status).toBe('COMPLETED');
    expect(await scene.lettersOf(id)).toEqual(CONTRADICTION);
    expect(scene.payouts.providers.paystack.paid.size).toBe(0);
  });

  test('that a payout failed, which its provider confirms, sends it to the next', async () => {
    const { id, name } = await underWay();
    says(id, declined(name));
    await hear(id, declined(name));
    await scene.reaches(id, 'COMPLETED');
    expect(await scene.attemptsOf(id)).toEqual(['bankrail DECLINED', 'paystack SUCCEEDED']);
    expect(await scene.lettersOf(id)).toEqual([]);
  });

  test('that a payout arrived, which its provider denies, sends it to nobody else until staff have looked', async () => {
    const { id, name } = await underWay();
    says(id, declined(name));
    await hear(id, succeeded(name));
    expect(await scene.lettersOf(id)).toEqual(CONTRADICTION);
    expect(await scene.attemptsOf(id)).toEqual(['bankrail DECLINED']);
    expect((await scene.balance()).held).toBeGreaterThan(0n);
    expect(scene.payouts.providers.paystack.calls).toEqual([]);
    await scene.world.admin.query(
      `UPDATE transfer.dead_letter SET state = 'RESOLVED', resolved_at = now() WHERE transfer_id = $1`,
      [id],
    );
    await scene.hurriedTo(id, 'COMPLETED');
  });

  test('that a payout came back credits nobody before its provider says so', async () => {
    const { id, name } = await underWay();
    says(id, succeeded(name));
    await expect(hear(id, returned(name))).rejects.toThrow('does not say yet');
    expect((await scene.read(id))!.status).toBe('COMPLETED');
    expect(await scene.entriesOf(id)).toBe(1);
    says(id, returned(name));
    await hear(id, returned(name));
    expect((await scene.read(id))!.status).toBe('REVERSED');
    expect(await scene.lettersOf(id)).toEqual([]);
  });

  test('under another name than the provider’s is a contradiction', async () => {
    const { id, name } = await underWay();
    says(id, succeeded(name));
    await hear(id, succeeded('po_of_somebody_else'));
    expect(await scene.lettersOf(id)).toEqual(CONTRADICTION);
    expect((await scene.read(id))!.status).toBe('COMPLETED');
  });

  test('of a fee that nobody takes is put before staff, and the provider’s own is booked', async () => {
    const { id, name } = await underWay();
    says(id, succeeded(name));
    await hear(id, { ...succeeded(name), feeMinor: 900_000_000_000n } as Payout);
    expect(await scene.lettersOf(id)).toEqual([['FEE_NOT_BELIEVED', 'HIGH']]);
    expect(await feeOf(id)).toBe('20');
  });

  test.each([-1n, 10_001n])('or an answer with a fee of %s completes it without that fee', async (feeMinor) => {
    const { id, name } = await underWay();
    says(id, { ...succeeded(name), feeMinor } as Payout);
    await hear(id, null);
    expect((await scene.read(id))!.status).toBe('COMPLETED');
    expect(await feeOf(id)).toBeNull();
    expect(await scene.lettersOf(id)).toEqual([['FEE_NOT_BELIEVED', 'HIGH']]);
    await scene.world.proveBooks();
  });
});

async function feeOf(id: string): Promise<string | null> {
  const { rows } = await scene.world.admin.query<{ fee: string | null }>(
    'SELECT fee FROM transfer.provider_attempt WHERE transfer_id = $1',
    [id],
  );
  return rows[0]!.fee;
}
