import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { resultOf } from './proof-store.ts';
import { openSettlementScene, type SettlementScene } from '../../../tests/settlement-scene.ts';

/* What providers take for themselves, against their own statements in their own form. */

let scene: SettlementScene;

beforeAll(async () => {
  scene = await openSettlementScene();
});
afterAll(() => scene.close());

describe('what a provider takes for itself', () => {
  test('is booked with the payout where it says so then, and its statement proves the day, fees and funding included', async () => {
    const { id } = await scene.pay('paystack');
    await scene.reaches(id, 'COMPLETED');
    expect(await scene.posted('PROVIDER_COST', 'paystack', 'ZAR')).toBe(-300n);
    expect(await scene.posted('SETTLEMENT', 'paystack', 'ZAR')).toBe(10_300n);
    const [first] = await scene.takeIn('paystack');
    expect(resultOf(first!.proof!)).toBe('PROVED');
    // What lay there before is the bank's own.
    expect(await scene.posted('OWN_FUNDS', '', 'ZAR')).toBe(900_000_000_000n);
    await scene.paystack.topUp('ZAR', 50_000n);
    const [second] = await scene.takeIn('paystack');
    expect(resultOf(second!.proof!)).toBe('PROVED');
    expect(second!.proof!.theirsMinor).toBe(900_000_000_000n - 10_300n + 50_000n);
    expect(await scene.posted('OWN_FUNDS', '', 'ZAR')).toBe(900_000_050_000n);
    // Told again it is booked no second time.
    const [again] = await scene.takeIn('paystack');
    expect(again).toMatchObject({ newLines: 0, matches: 0, opened: 0 });
    expect(await scene.posted('PROVIDER_COST', 'paystack', 'ZAR')).toBe(-300n);
  });
});
