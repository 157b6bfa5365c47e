import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { AccountId } from '../../../platform/ids.ts';
import { createRegistry } from '../../../providers/create-registry.ts';
import type { Offer, PayoutProvider, ProviderName } from '../../../providers/payout-provider.ts';
import type { ProviderRegistry } from '../../../providers/registry.ts';
import { openTransferWorld, type Customer, type TransferWorld } from '../../../tests/transfer-world.ts';

const QUOTE = `mutation ($input: QuoteTransferInput!) {
  quoteTransfer(input: $input) {
    quote {
      id type amount { amount } fees { amount } feeBreakdown { tier rule basis amount { amount } } totalDebit { amount }
      destinationAmount { amount } preference provider usualSeconds
      options { provider fees { amount } usualSeconds health cost speed score preference recommended }
      cheaper { provider fees { amount } preference recommended }
    }
    userErrors { code field }
  }
}`;
const CREATE = `mutation ($input: CreateTransferInput!) {
  createTransfer(input: $input) {
    transfer { id fees { amount } feeBreakdown { tier rule basis amount { amount } } }
    userErrors { code field }
  }
}`;

interface GraphQuote {
  id: string;
  fees: { amount: string };
  feeBreakdown: { tier: string; amount: { amount: string } }[];
  provider: string;
  options: { provider: string; fees: { amount: string }; recommended: boolean; score: number }[];
  cheaper: { provider: string; fees: { amount: string }; preference: string } | null;
}

const IBAN = 'DE89370400440532013000';

/** What each provider asks just now; null: it carries nothing. */
const offers = new Map<ProviderName, Offer | null>();

/** A provider that names prices. What is sent to it stays under way. */
function priced(name: ProviderName): PayoutProvider {
  return {
    name,
    types: ['BANK'],
    offer: ({ kind }) => (kind === 'IBAN' ? (offers.get(name) ?? null) : null),
    send: () => Promise.resolve({ outcome: 'PENDING', reference: name, step: 'CLEARING' }),
    find: () => Promise.resolve({ outcome: 'PENDING', reference: name, step: 'CLEARING' }),
    checkHealth: () => Promise.resolve(),
  };
}

let payouts: ProviderRegistry;
let world: TransferWorld;
let ada: Customer;
let from: AccountId;

beforeAll(async () => {
  payouts = createRegistry([priced('bankrail'), priced('flutterwave')]);
  world = await openTransferWorld({ payouts });
});
beforeEach(async () => {
  offers.set('bankrail', { providerFeeMinor: 20n, networkFeeMinor: 10n, usualSeconds: 86_400 });
  offers.set('flutterwave', { providerFeeMinor: 150n, networkFeeMinor: 0n, usualSeconds: 30 });
  ada = await world.customer('Ada');
  from = await world.account(ada, 'EUR', { funds: '1000.00' });
});
afterEach(() => world.proveBooks());
afterAll(async () => {
  await world.close();
  await payouts.close();
});

const asked = (change: object) => ({
  source: { accountId: from },
  destination: { iban: IBAN },
  amount: { amount: '100.00', currency: 'EUR' },
  ...change,
});

async function quote(change: object = {}): Promise<{ quote: GraphQuote | null; userErrors: { code: string }[] }> {
  const result = await world.execute(ada, QUOTE, { input: asked(change) });
  expect(result.errors).toBeUndefined();
  return result.data!['quoteTransfer'] as { quote: GraphQuote | null; userErrors: { code: string }[] };
}

let keys = 0;
async function create(change: object) {
  const input = { idempotencyKey: `payout-${keys++}`, ...asked(change) };
  const result = await world.execute(ada, CREATE, { input });
  expect(result.errors).toBeUndefined();
  return result.data!['createTransfer'] as {
    transfer: Pick<GraphQuote, 'id' | 'fees' | 'feeBreakdown'> | null;
    userErrors: { code: string }[];
  };
}

describe('a quote of money that leaves the bank', () => {
  test('adds up its lines, and compares everybody who could carry it', async () => {
    const { quote: made } = await quote();
    expect(made).toEqual({
      id: expect.any(String),
      type: 'EXTERNAL',
      amount: { amount: '100.00' },
      fees: { amount: '0.85' },
      feeBreakdown: [
        { tier: 'PLATFORM', rule: 'platform.external', basis: '0.50 % of 100.00 EUR', amount: { amount: '0.50' } },
        {
          tier: 'PROVIDER',
          rule: 'provider.offer',
          basis: "the provider's price for 100.00 EUR",
          amount: { amount: '0.20' },
        },
        {
          tier: 'NETWORK',
          rule: 'network.offer',
          basis: "the network's price for 100.00 EUR",
          amount: { amount: '0.10' },
        },
        { tier: 'COMPLIANCE', rule: 'compliance.screening', basis: '0.05 % of 100.00 EUR', amount: { amount: '0.05' } },
      ],
      totalDebit: { amount: '100.85' },
      destinationAmount: { amount: '100.00' },
      preference: 'BALANCED',
      provider: 'bankrail',
      usualSeconds: 86_400,
      options: [
        expect.objectContaining({ provider: 'bankrail', fees: { amount: '0.85' }, recommended: true }),
        expect.objectContaining({ provider: 'flutterwave', fees: { amount: '2.05' }, recommended: false }),
      ],
      cheaper: null,
    });
    const [best, other] = made!.options;
    expect(best!.score).toBeGreaterThanOrEqual(other!.score);
  });

  test('that is to be fast says what that costs, and how it is had for less', async () => {
    const { quote: fast } = await quote({ preference: 'FAST' });
    expect(fast).toMatchObject({ provider: 'flutterwave', fees: { amount: '2.25' } });
    expect(fast!.feeBreakdown.map(({ tier }) => tier)).toEqual(['PLATFORM', 'PROVIDER', 'COMPLIANCE', 'PREMIUM']);
    expect(fast!.cheaper).toEqual({
      provider: 'bankrail',
      fees: { amount: '0.85' },
      preference: 'CHEAP',
      recommended: false,
    });
    // What is suggested can be had.
    const { quote: cheap } = await quote({ preference: 'CHEAP' });
    expect(cheap).toMatchObject({ provider: 'bankrail', fees: fast!.cheaper!.fees, cheaper: null });
  });

  test('is what is charged, whatever the providers ask by then', async () => {
    const { quote: made } = await quote();
    offers.set('bankrail', { providerFeeMinor: 999n, networkFeeMinor: 999n, usualSeconds: 1 });
    const { transfer, userErrors } = await create({ quoteId: made!.id });
    expect(userErrors).toEqual([]);
    expect(transfer).toMatchObject({ fees: made!.fees, feeBreakdown: made!.feeBreakdown });
    expect(await create({ quoteId: made!.id })).toMatchObject({
      transfer: null,
      userErrors: [{ code: 'QUOTE_ALREADY_USED', field: ['quoteId'] }],
    });
    expect((await create({})).transfer!.fees).not.toEqual(made!.fees);
  });

  test('that the account has not the money for is left to be used', async () => {
    const amount = { amount: '999.00', currency: 'EUR' };
    const { quote: made } = await quote({ amount });
    expect(await create({ amount, quoteId: made!.id })).toMatchObject({
      userErrors: [{ code: 'INSUFFICIENT_FUNDS' }],
    });
    await world.fund(from, '100.00', 'EUR');
    expect(await create({ amount, quoteId: made!.id })).toMatchObject({ userErrors: [] });
  });

  test('is refused where nobody carries it', async () => {
    offers.set('bankrail', null);
    offers.set('flutterwave', null);
    expect(await quote()).toMatchObject({ quote: null, userErrors: [{ code: 'NO_PROVIDER_FOR_PAYOUT' }] });
  });
});
