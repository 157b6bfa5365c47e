import { describe, expect, test } from '@jest/globals';
import type { Candidate } from '../../../providers/registry.ts';
import type { Pauses } from '../operations/pauses.ts';
import { chooseProvider } from './choose-provider.ts';
import type { Attempt, StoredPayout } from './payout-store.ts';

/* Who is asked next, by what was said so far. Candidates stand in the registry's order, the best first. */

const candidate = (name: string) =>
  ({ provider: { name }, health: 100, cost: 50, speed: 50, score: 75, down: false }) as unknown as Candidate;
const CANDIDATES = ['bankrail', 'paystack', 'flutterwave'].map(candidate);
const NOTHING: Pauses = { all: false, currencies: new Set(), providers: new Set() };
// All was said before this run of the job began.
const OPTIONS = { attemptsPerProvider: 2, begun: 99 };

function choose(
  tried: [string, Attempt['outcome']][],
  { pauses = {}, quoted = null }: { pauses?: Partial<Pauses>; quoted?: string | null } = {},
): string {
  const attempts = tried.map(([provider, outcome]) => ({ provider, outcome }) as Attempt);
  const amount = { amountMinor: 100n, currency: 'EUR' };
  const payout: Pick<StoredPayout, 'attempts' | 'quotedProvider' | 'preference' | 'amount'> = {
    attempts,
    quotedProvider: quoted,
    preference: 'BALANCED',
    amount,
  };
  const choice = chooseProvider(payout, CANDIDATES, { ...NOTHING, ...pauses }, OPTIONS);
  return typeof choice === 'string' ? choice : choice.chosen.provider.name;
}

describe('asked next is', () => {
  test('the best, or first of all the one whose price was quoted', () => {
    expect(choose([])).toBe('bankrail');
    expect(choose([], { quoted: 'flutterwave' })).toBe('flutterwave');
    expect(choose([['flutterwave', 'DECLINED']], { quoted: 'flutterwave' })).toBe('bankrail');
  });

  test('nobody who has said no, also not when it was quoted', () => {
    expect(choose([['bankrail', 'DECLINED']])).toBe('paystack');
    const all = ['bankrail', 'paystack', 'flutterwave'].map((name): [string, 'DECLINED'] => [name, 'DECLINED']);
    expect(choose(all, { quoted: 'bankrail' })).toBe('NONE');
  });

  test('who never took it after all others, and not without end', () => {
    expect(choose([['bankrail', 'NOT_HERE']])).toBe('paystack');
    const others: [string, 'DECLINED'][] = [
      ['paystack', 'DECLINED'],
      ['flutterwave', 'DECLINED'],
    ];
    expect(choose([['bankrail', 'NOT_HERE'], ...others])).toBe('bankrail');
    expect(choose([['bankrail', 'NOT_HERE'], ...others, ['bankrail', 'NOT_HERE']])).toBe('NONE');
    expect(choose([['bankrail', 'NOT_HERE'], ...others, ['bankrail', 'DECLINED']])).toBe('NONE');
  });

  test('nobody through whom nothing may leave for now; that is no end while somebody is left', () => {
    expect(choose([], { pauses: { providers: new Set(['bankrail']) } })).toBe('paystack');
    expect(choose([], { pauses: { providers: new Set(['bankrail']) }, quoted: 'bankrail' })).toBe('paystack');
    expect(choose([], { pauses: { currencies: new Set(['USD']) } })).toBe('bankrail');
    for (const pauses of [{ all: true }, { currencies: new Set(['EUR']) }]) {
      expect(choose([], { pauses })).toBe('PAUSED');
      expect(choose([['bankrail', 'DECLINED']], { pauses })).toBe('PAUSED');
    }
  });
});
