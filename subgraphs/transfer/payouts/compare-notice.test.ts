import { describe, expect, test } from '@jest/globals';
import type { Payout } from '../../../providers/payout-provider.ts';
import { compareNotice, feeDiffers, type Comparison } from './compare-notice.ts';

const KEY = 'f'.repeat(32);
const SAID: Record<Payout['outcome'], Payout> = {
  SUCCEEDED: { outcome: 'SUCCEEDED', reference: 'r', feeMinor: null },
  PENDING: { outcome: 'PENDING', reference: 'r', step: 'CLEARING' },
  DECLINED: { outcome: 'DECLINED', reference: 'r', code: 'c', message: 'm' },
  RETURNED: { outcome: 'RETURNED', reference: 'r', code: 'c', message: 'm' },
};
const ANSWERS = [SAID.SUCCEEDED, SAID.PENDING, SAID.DECLINED, SAID.RETURNED, null];

describe('what was told, beside what the provider says when asked', () => {
  test.each<[Payout['outcome'], Comparison[]]>([
    ['SUCCEEDED', ['AGREES', 'BEHIND', 'CONTRADICTS', 'AGREES', 'CONTRADICTS']],
    ['PENDING', ['AGREES', 'AGREES', 'AGREES', 'AGREES', 'CONTRADICTS']],
    ['DECLINED', ['CONTRADICTS', 'BEHIND', 'AGREES', 'CONTRADICTS', 'CONTRADICTS']],
    ['RETURNED', ['BEHIND', 'BEHIND', 'CONTRADICTS', 'AGREES', 'CONTRADICTS']],
  ])('%s: %j', (told, comparisons) => {
    expect(ANSWERS.map((answer) => compareNotice(SAID[told], answer, KEY))).toEqual(comparisons);
  });

  test('under another name contradicts it; our own name and none at all do not', () => {
    const named = (reference: string) => ({ ...SAID.SUCCEEDED, reference });
    expect(compareNotice(named('other'), SAID.SUCCEEDED, KEY)).toBe('CONTRADICTS');
    expect(compareNotice(named(KEY), SAID.SUCCEEDED, KEY)).toBe('AGREES');
    expect(compareNotice(SAID.DECLINED, { ...SAID.DECLINED, reference: null } as Payout, KEY)).toBe('AGREES');
  });

  test('has a fee that is not below nothing, not above the amount, and the one that it confirms', () => {
    const fee = (feeMinor: bigint | null) => ({ ...SAID.SUCCEEDED, feeMinor });
    const differs = (told: bigint | null, said: bigint | null) =>
      feeDiffers(fee(told), fee(said), { amountMinor: 100n, currency: 'NGN' });
    expect([differs(-1n, null), differs(101n, 101n), differs(5n, 6n)]).toEqual([true, true, true]);
    expect([differs(100n, null), differs(0n, 0n), differs(null, 5n), differs(5n, 5n)]).toEqual(Array(4).fill(false));
    expect(feeDiffers(SAID.DECLINED, fee(5n), { amountMinor: 1n, currency: 'NGN' })).toBe(false);
  });
});
