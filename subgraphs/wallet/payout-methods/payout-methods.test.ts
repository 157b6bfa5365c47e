import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { PaymentMethodId } from '../../../platform/ids.ts';
import type { PayoutProvider } from '../../../providers/payout-provider.ts';
import type { ProviderRegistry } from '../../../providers/registry.ts';
import { viewerFor } from '../../../tests/one-subgraph.ts';
import { done, paymentMethodsOf, refusalOf, statementSample } from '../../../tests/payment-methods.ts';
import { startWalletWorld, type WalletWorld } from '../../../tests/wallet-world.ts';

/* What money can be paid out to. Nobody pays here, so that a registry which knows its providers by name is enough. */

function registryOf(...names: string[]): ProviderRegistry {
  return {
    candidates: () => [],
    // Linking asks for nothing but whether it is there.
    find: (name) => (names.includes(name) ? ({ name } as PayoutProvider) : null),
    states: () => [],
    close: () => Promise.resolve(),
  };
}

let world: WalletWorld;
let methods: ReturnType<typeof paymentMethodsOf>;
beforeAll(async () => {
  world = await startWalletWorld({ payouts: registryOf('paystack', 'flutterwave', 'bankrail') });
  methods = paymentMethodsOf(world);
});
afterAll(() => world.close());

const MPESA = { type: 'MOBILE_MONEY', provider: 'flutterwave', token: '+254712345678:MPS' };
const GTBANK = { type: 'BANK_ACCOUNT', provider: 'paystack', token: '058:0123456789' };
const IBAN = { type: 'BANK_ACCOUNT', provider: 'bankrail', token: 'DE89 3704 0044 0532 0130 00' };

async function referenceOf(id: PaymentMethodId): Promise<string | null> {
  const { rows } = await world.database
    .pool('postgres')
    .query<{ reference: string | null }>('SELECT reference FROM wallet.payment_method WHERE id = $1', [id]);
  return rows[0]!.reference;
}

describe('what money can be paid out to', () => {
  test.each([
    [MPESA, 'momo:+254712345678:MPS', '+254 …5678'],
    [{ ...MPESA, provider: 'paystack', token: '+233241234987' }, 'momo:+233241234987', '+233 …4987'],
    [{ ...MPESA, token: '+27 82 123 4567' }, 'momo:+27821234567', '+27 …4567'],
    [{ ...MPESA, token: '+12025550123' }, 'momo:+12025550123', '+1 …0123'],
    [GTBANK, 'bank:058:0123456789', 'Bank 058 …6789'],
    [IBAN, 'iban:DE89370400440532013000', 'IBAN DE …3000'],
    [{ ...IBAN, token: 'gb29nwbk60161331926819' }, 'iban:GB29NWBK60161331926819', 'IBAN GB …6819'],
  ])('%o is linked as %s', async (input, reference, label) => {
    const viewer = viewerFor();
    const method = await done(methods.connect(viewer, input));
    expect(method).toMatchObject({ type: input.type, provider: input.provider, label, balance: null, isActive: true });
    expect(await methods.list(viewer)).toEqual([method]);
    expect(await referenceOf(method.id)).toBe(reference);
    expect(await methods.events(method.id)).toMatchObject([
      {
        type: 'PaymentMethodConnected',
        payload: { ownerId: viewer.userId, type: input.type, provider: input.provider, label, reference },
      },
      { type: 'PaymentMethodSynced', payload: { balanceMinor: null, currency: null } },
    ]);
  });

  test('shows no whole number to anybody but its reference', async () => {
    const method = await done(methods.connect(viewerFor(), GTBANK));
    expect(JSON.stringify(method)).not.toContain('0123456789');
  });

  test('linked again, also many times at once and written otherwise, is one', async () => {
    const viewer = viewerFor();
    const tokens = ['DE89370400440532013000', 'de89 3704 0044 0532 0130 00', IBAN.token];
    const all = await Promise.all(tokens.map((token) => done(methods.connect(viewer, { ...IBAN, token }))));
    expect(new Set(all.map(({ id }) => id)).size).toBe(1);
    expect(await methods.events(all[0]!.id)).toHaveLength(2);
    const another = await done(methods.connect(viewerFor(), IBAN));
    expect(another.id).not.toBe(all[0]!.id);
  });

  test('takes the customer’s own label', async () => {
    expect((await done(methods.connect(viewerFor(), { ...MPESA, label: 'Mama' }))).label).toBe('Mama');
  });

  test('has no news when it is synced, and takes no statement', async () => {
    const viewer = viewerFor();
    const method = await done(methods.connect(viewer, MPESA));
    const after = await done(methods.sync(viewer, method.id));
    expect({ ...after, lastSync: method.lastSync }).toEqual(method);
    expect(after.lastSync! >= method.lastSync!).toBe(true);
    const file = statementSample('checking.ofx');
    expect(await refusalOf(methods.sync(viewer, method.id, file))).toBe('EXACTLY_ONE_SOURCE statement');
  });

  test('is forgotten when it is disconnected, and known again when it is linked again', async () => {
    const viewer = viewerFor();
    const method = await done(methods.connect(viewer, GTBANK));
    expect((await done(methods.disconnect(viewer, method.id))).isActive).toBe(false);
    expect(await referenceOf(method.id)).toBeNull();
    expect(await refusalOf(methods.sync(viewer, method.id))).toBe('PAYMENT_METHOD_DISCONNECTED id');
    const again = await done(methods.connect(viewer, GTBANK));
    expect(again).toMatchObject({ id: method.id, isActive: true });
    expect(await referenceOf(method.id)).toBe('bank:058:0123456789');
    expect((await methods.events(method.id)).map(({ type }) => type)).toEqual([
      'PaymentMethodConnected',
      'PaymentMethodSynced',
      'PaymentMethodDisconnected',
      'PaymentMethodConnected',
      'PaymentMethodSynced',
    ]);
  });

  test.each([
    ['INVALID_TOKEN token', { ...MPESA, token: '0712345678' }],
    ['INVALID_TOKEN token', { ...MPESA, token: '+0712345678' }],
    ['INVALID_TOKEN token', { ...MPESA, token: '+254712345678:' }],
    ['INVALID_TOKEN token', { ...MPESA, token: '+2547123456789012345' }],
    ['INVALID_TOKEN token', { ...MPESA, token: '' }],
    ['INVALID_TOKEN token', { ...GTBANK, token: '0123456789' }],
    ['INVALID_TOKEN token', { ...GTBANK, token: '058:0123456789:1' }],
    ['INVALID_TOKEN token', { ...GTBANK, token: '058:12' }],
    ['INVALID_TOKEN token', { ...GTBANK, token: `058:${'1'.repeat(31)}` }],
    // A digit swapped: the check digits say so.
    ['INVALID_TOKEN token', { ...IBAN, token: 'DE89370400440532010300' }],
    ['INVALID_TOKEN token', { ...IBAN, token: 'XX89370400440532013000' }],
    ['INVALID_TOKEN token', { ...IBAN, token: '058:0123456789' }],
    ['WRONG_PAYMENT_METHOD_TYPE type', { ...MPESA, provider: 'bankrail' }],
    ['WRONG_PAYMENT_METHOD_TYPE type', { ...MPESA, provider: 'statement' }],
    ['WRONG_PAYMENT_METHOD_TYPE type', { ...GTBANK, type: 'CARD' }],
    ['EXACTLY_ONE_SOURCE token', { ...GTBANK, statement: 'x' }],
    ['EXACTLY_ONE_SOURCE token', { ...GTBANK, token: undefined }],
    ['INVALID_LABEL label', { ...GTBANK, label: '' }],
  ])('is refused with %s for %o', async (refusal, input) => {
    const viewer = viewerFor();
    expect(await refusalOf(methods.connect(viewer, input))).toBe(refusal);
    expect(await methods.list(viewer)).toEqual([]);
  });

  test('says which form a token has, without repeating what was given', async () => {
    const { userErrors } = await methods.connect(viewerFor(), { ...MPESA, token: '0712345678' });
    expect(userErrors[0]!.message).toContain('+254712345678:MPS');
    expect(userErrors[0]!.message).not.toContain('0712345678');
  });

  test('is offered only through those that the bank is wired with', async () => {
    const narrow = await startWalletWorld({ payouts: registryOf('paystack') });
    try {
      const asked = paymentMethodsOf(narrow);
      await done(asked.connect(viewerFor(), { ...MPESA, provider: 'paystack' }));
      expect(await refusalOf(asked.connect(viewerFor(), MPESA))).toBe('UNSUPPORTED_PROVIDER provider');
      expect(await refusalOf(asked.connect(viewerFor(), IBAN))).toBe('UNSUPPORTED_PROVIDER provider');
    } finally {
      await narrow.close();
    }
  });
});
