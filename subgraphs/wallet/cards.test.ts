import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { PaymentMethodId } from '../../platform/ids.ts';
import type { CardProvider } from '../../providers/card-provider.ts';
import { createStripeCards } from '../../providers/stripe/stripe-cards.ts';
import { viewerFor } from '../../tests/one-subgraph.ts';
import { done, paymentMethodsOf, refusalOf, statementSample } from '../../tests/payment-methods.ts';
import { startTestStripe, type TestStripe } from '../../tests/stripe.ts';
import { until } from '../../tests/until.ts';
import { startWalletWorld, type WalletWorld } from '../../tests/wallet-world.ts';
import { forgetDisconnectedCards } from './forget-card.ts';
import { MAX_PAYMENT_METHODS } from './link-payment-method.ts';

/* Cards through the real adapter at the simulator of Stripe. */

let stripe: TestStripe;
let cards: CardProvider;
let world: WalletWorld;
let methods: ReturnType<typeof paymentMethodsOf>;
beforeAll(async () => {
  stripe = await startTestStripe();
  cards = createStripeCards({ secretKey: stripe.secretKey, url: stripe.simulator.url });
  world = await startWalletWorld({ cards });
  methods = paymentMethodsOf(world);
});
afterEach(() => stripe.simulator.calm());
afterAll(async () => {
  await world.close();
  await stripe.close();
});

async function referenceOf(id: PaymentMethodId): Promise<string | null> {
  const { rows } = await world.database
    .pool('postgres')
    .query<{ reference: string | null }>('SELECT reference FROM wallet.payment_method WHERE id = $1', [id]);
  return rows[0]!.reference;
}

/** Whether the provider still has a card. */
async function isKept(reference: string): Promise<boolean> {
  return (await cards.findCard(reference, AbortSignal.timeout(5_000))) !== null;
}

describe('a card', () => {
  test('is linked by its token, and told with what charges name it by', async () => {
    const viewer = viewerFor();
    const card = await done(methods.connectCard(viewer, 'pm_card_visa'));
    expect(card).toMatchObject({
      type: 'CARD',
      provider: 'stripe',
      label: 'Visa ... 4242',
      balance: null,
      balanceAsOf: null,
      lastSync: expect.any(String),
      isActive: true,
      externalTransactions: { edges: [] },
    });
    expect(await methods.list(viewer)).toEqual([card]);
    const reference = await referenceOf(card.id);
    expect(await isKept(reference!)).toBe(true);
    expect(await methods.events(card.id)).toMatchObject([
      {
        type: 'PaymentMethodConnected',
        payload: { ownerId: viewer.userId, type: 'CARD', label: card.label, reference },
      },
      { type: 'PaymentMethodSynced', payload: { balanceMinor: null, currency: null } },
    ]);
  });

  test.each(['pm_card_chargeDeclined', 'pm_card_chargeDeclinedInsufficientFunds', 'pm_card_chargeCustomerFail'])(
    'that will be declined (%s) is linked all the same',
    async (token) => {
      expect((await done(methods.connectCard(viewerFor(), token))).isActive).toBe(true);
    },
  );

  test('takes the customer’s own label, which the provider does not change', async () => {
    const viewer = viewerFor();
    const card = await done(methods.connectCard(viewer, 'pm_card_mastercard', { label: 'Holidays' }));
    expect(card.label).toBe('Holidays');
    expect((await done(methods.sync(viewer, card.id))).label).toBe('Holidays');
  });

  test('linked twice is one, and the provider is not asked again', async () => {
    const viewer = viewerFor();
    const card = await done(methods.connectCard(viewer, 'pm_card_visa'));
    stripe.simulator.disturb({ effect: 'UNAVAILABLE' });
    expect(await done(methods.connectCard(viewer, 'pm_card_visa'))).toEqual(card);
    expect(await methods.events(card.id)).toHaveLength(2);
  });

  test('linked many times at once is one, and the cards that were saved in vain are forgotten', async () => {
    const viewer = viewerFor();
    const saved: string[] = [];
    const watching: CardProvider = {
      ...cards,
      async saveCard(...args) {
        const card = await cards.saveCard(...args);
        saved.push(card.reference);
        return card;
      },
    };
    const other = await startWalletWorld({ cards: watching });
    try {
      const asked = paymentMethodsOf(other);
      const all = await Promise.all(Array.from({ length: 5 }, () => done(asked.connectCard(viewer, 'pm_card_visa'))));
      expect(new Set(all.map(({ id }) => id)).size).toBe(1);
      expect(await asked.list(viewer)).toHaveLength(1);
      expect((await asked.events(all[0]!.id)).map(({ type }) => type)).toEqual([
        'PaymentMethodConnected',
        'PaymentMethodSynced',
      ]);
      const kept = await Promise.all(saved.map(isKept));
      expect(kept.filter(Boolean)).toHaveLength(1);
    } finally {
      await other.close();
    }
  });

  test('of one customer is another payment method for the next', async () => {
    const [one, other] = [viewerFor(), viewerFor()];
    const mine = await done(methods.connectCard(one, 'pm_card_visa'));
    const theirs = await done(methods.connectCard(other, 'pm_card_visa'));
    expect(theirs.id).not.toBe(mine.id);
    expect(await methods.list(one)).toEqual([mine]);
    expect(await refusalOf(methods.sync(other, mine.id))).toBe('PAYMENT_METHOD_NOT_FOUND id');
    expect(await refusalOf(methods.disconnect(other, mine.id))).toBe('PAYMENT_METHOD_NOT_FOUND id');
    expect(await isKept((await referenceOf(mine.id))!)).toBe(true);
  });
});

test('one card too many is refused and forgotten again', async () => {
  const saved: string[] = [];
  const full = await startWalletWorld({
    cards: {
      ...cards,
      saveCard: async (...args) => {
        const card = await cards.saveCard(...args);
        saved.push(card.reference);
        return card;
      },
    },
  });
  try {
    const viewer = viewerFor();
    await full.database
      .pool('postgres')
      .query('INSERT INTO wallet.payment_method_holder (owner_id, payment_methods) VALUES ($1, $2)', [
        viewer.userId,
        MAX_PAYMENT_METHODS,
      ]);
    const asked = paymentMethodsOf(full);
    expect(await refusalOf(asked.connectCard(viewer, 'pm_card_visa'))).toBe('TOO_MANY_PAYMENT_METHODS');
    expect(await asked.list(viewer)).toEqual([]);
    expect(saved).toHaveLength(1);
    expect(await isKept(saved[0]!)).toBe(false);
  } finally {
    await full.close();
  }
});

describe('a token', () => {
  test.each(['pm_nobody_knows', 'tok_visa', '', ' ', 'pm card', '../customers', 'pm_'.padEnd(400, 'x'), 'pm_ü'])(
    'like %j is refused, and nothing is linked',
    async (token) => {
      const viewer = viewerFor();
      const { paymentMethod, userErrors } = await methods.connectCard(viewer, token);
      expect([paymentMethod, userErrors]).toMatchObject([
        null,
        [{ code: 'CARD_TOKEN_REFUSED', field: ['token'], retryable: false }],
      ]);
      expect(await methods.list(viewer)).toEqual([]);
    },
  );

  test('is not tried out for ever', async () => {
    const viewer = viewerFor();
    const input = { type: 'CARD', provider: 'stripe', token: 'pm_nobody_knows' };
    const tryOut = () =>
      world.execute<unknown>(
        'mutation ($input: ConnectPaymentMethodInput!) { connectPaymentMethod(input: $input) { userErrors { code } } }',
        { viewer, variables: { input } },
      );
    for (let n = 0; n < 30; n++) expect((await tryOut()).errors).toEqual([]);
    expect((await tryOut()).errors).toMatchObject([{ code: 'RATE_LIMITED' }]);
  });
});

describe('a provider that is away', () => {
  test.each(['UNAVAILABLE', 'DROP_BEFORE', 'DROP_AFTER'] as const)(
    'when a card is linked (%s): try again, and it is linked once',
    async (effect) => {
      const viewer = viewerFor();
      stripe.simulator.disturb({ effect });
      const { paymentMethod, userErrors } = await methods.connectCard(viewer, 'pm_card_visa');
      expect([paymentMethod, userErrors]).toMatchObject([
        null,
        [{ code: 'CARD_PROVIDER_UNAVAILABLE', retryable: true }],
      ]);
      expect(await methods.list(viewer)).toEqual([]);
      stripe.simulator.calm();
      const card = await done(methods.connectCard(viewer, 'pm_card_visa'));
      expect(await methods.list(viewer)).toEqual([card]);
    },
  );

  test('when a card is synced: it stays as it was', async () => {
    const viewer = viewerFor();
    const card = await done(methods.connectCard(viewer, 'pm_card_visa'));
    stripe.simulator.disturb({ effect: 'UNAVAILABLE' });
    expect(await refusalOf(methods.sync(viewer, card.id))).toBe('CARD_PROVIDER_UNAVAILABLE');
    expect(await methods.list(viewer)).toEqual([card]);
  });

  test('when a card is disconnected: it is, and the provider forgets it at the next start', async () => {
    const viewer = viewerFor();
    const card = await done(methods.connectCard(viewer, 'pm_card_visa'));
    const reference = (await referenceOf(card.id))!;
    stripe.simulator.disturb({ effect: 'UNAVAILABLE' });
    expect((await done(methods.disconnect(viewer, card.id))).isActive).toBe(false);
    expect(await referenceOf(card.id)).toBe(reference);
    stripe.simulator.calm();
    expect(await isKept(reference)).toBe(true);
    await world.subgraph.start!();
    await until('the card is forgotten', async () => (await referenceOf(card.id)) === null);
    expect(await isKept(reference)).toBe(false);
  });
});

test('a card that is linked again while others are being forgotten is kept', async () => {
  const viewer = viewerFor();
  const ids = [
    (await done(methods.connectCard(viewer, 'pm_card_visa'))).id,
    (await done(methods.connectCard(viewer, 'pm_card_mastercard'))).id,
  ];
  const references = await Promise.all(ids.map(referenceOf));
  const pool = world.database.pool('postgres');
  const setActive = (isActive: boolean, reference = '') =>
    pool.query('UPDATE wallet.payment_method SET is_active = $1 WHERE id = ANY ($2) AND reference <> $3', [
      isActive,
      ids,
      reference,
    ]);
  await setActive(false);
  const asked: string[] = [];
  const slow: CardProvider = {
    ...cards,
    async removeCard(reference, time) {
      asked.push(reference);
      // Meanwhile the other one is linked again, known by the same reference.
      await setActive(true, reference);
      await cards.removeCard(reference, time);
    },
  };
  const deps = { cards: slow, log: world.deps.log, pool: world.deps.pool };
  await forgetDisconnectedCards(deps, AbortSignal.timeout(5_000));
  expect(asked).toHaveLength(1);
  const kept = references.filter((reference) => reference !== asked[0]);
  expect(kept).toHaveLength(1);
  expect(await isKept(kept[0]!)).toBe(true);
});

describe('syncPaymentMethod of a card', () => {
  test('sees it again', async () => {
    const viewer = viewerFor();
    const card = await done(methods.connectCard(viewer, 'pm_card_visa'));
    const again = await done(methods.sync(viewer, card.id));
    expect(again).toEqual({ ...card, lastSync: again.lastSync });
    expect(again.lastSync! >= card.lastSync!).toBe(true);
    expect((await methods.events(card.id)).map(({ type }) => type)).toEqual([
      'PaymentMethodConnected',
      'PaymentMethodSynced',
      'PaymentMethodSynced',
    ]);
  });

  test('sees that its number has changed, and says so unless the customer named it', async () => {
    const renewed = await startWalletWorld({
      cards: {
        ...cards,
        findCard: async (...args) => {
          const card = await cards.findCard(...args);
          return card && { ...card, last4: '1881' };
        },
      },
    });
    try {
      const asked = paymentMethodsOf(renewed);
      const viewer = viewerFor();
      const card = await done(asked.connectCard(viewer, 'pm_card_visa'));
      expect((await done(asked.sync(viewer, card.id))).label).toBe('Visa ... 1881');
      expect((await asked.events(card.id)).slice(2)).toMatchObject([
        { type: 'PaymentMethodConnected', payload: { label: 'Visa ... 1881' } },
        { type: 'PaymentMethodSynced' },
      ]);
      const named = await done(asked.connectCard(viewer, 'pm_card_mastercard', { label: 'Mine' }));
      expect((await done(asked.sync(viewer, named.id))).label).toBe('Mine');
    } finally {
      await renewed.close();
    }
  });

  test('finds out that the provider has forgotten it: then the link has ended', async () => {
    const viewer = viewerFor();
    const card = await done(methods.connectCard(viewer, 'pm_card_visa'));
    await cards.removeCard((await referenceOf(card.id))!, AbortSignal.timeout(5_000));
    expect((await done(methods.sync(viewer, card.id))).isActive).toBe(false);
    expect((await methods.events(card.id)).at(-1)!.type).toBe('PaymentMethodDisconnected');
  });

  test('takes no statement', async () => {
    const viewer = viewerFor();
    const card = await done(methods.connectCard(viewer, 'pm_card_visa'));
    const answer = methods.sync(viewer, card.id, statementSample('checking.ofx'));
    expect(await refusalOf(answer)).toBe('EXACTLY_ONE_SOURCE statement');
  });
});

describe('disconnectPaymentMethod of a card', () => {
  test('ends the link and has the provider forget it, once', async () => {
    const viewer = viewerFor();
    const card = await done(methods.connectCard(viewer, 'pm_card_visa'));
    const reference = (await referenceOf(card.id))!;
    const ended = await done(methods.disconnect(viewer, card.id));
    expect(ended).toEqual({ ...card, isActive: false });
    expect(await isKept(reference)).toBe(false);
    expect(await done(methods.disconnect(viewer, card.id))).toEqual(ended);
    expect(await methods.list(viewer)).toEqual([ended]);
    expect((await methods.events(card.id)).slice(2).map(({ type }) => type)).toEqual(['PaymentMethodDisconnected']);
    expect(await refusalOf(methods.sync(viewer, card.id))).toBe('PAYMENT_METHOD_DISCONNECTED id');
  });

  test('and a link anew is the same payment method with a card that can be charged', async () => {
    const viewer = viewerFor();
    const card = await done(methods.connectCard(viewer, 'pm_card_visa'));
    const first = await referenceOf(card.id);
    await done(methods.disconnect(viewer, card.id));
    const again = await done(methods.connectCard(viewer, 'pm_card_visa'));
    expect(again).toMatchObject({ id: card.id, isActive: true });
    const reference = (await referenceOf(card.id))!;
    expect(reference).not.toBe(first);
    expect(await isKept(reference)).toBe(true);
    expect((await methods.events(card.id)).slice(3)).toMatchObject([
      { type: 'PaymentMethodConnected', payload: { reference } },
      { type: 'PaymentMethodSynced' },
    ]);
  });
});
