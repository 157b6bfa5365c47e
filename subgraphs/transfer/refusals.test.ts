import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { systemAccount } from '../../ledger/accounts.ts';
import { newId, type AccountId } from '../../platform/ids.ts';
import type { RiskDecision } from '../../platform/questions/assess-transfer.ts';
import type { UserError } from '../../platform/refusal.ts';
import { createScriptedCards } from '../../tests/scripted-cards.ts';
import { createScriptedRegistry } from '../../tests/scripted-registry.ts';
import { ALLOW, openTransferWorld, type Customer, type TransferWorld } from '../../tests/transfer-world.ts';
import { TRANSFER_REFUSALS, type TransferRefusal } from './refusals.ts';

const CREATE = `mutation ($input: CreateTransferInput!) {
  createTransfer(input: $input) { transfer { id } replayed challenge { id } userErrors { code field message retryable } }
}`;

const QUOTE = `mutation ($input: QuoteTransferInput!) { quoteTransfer(input: $input) { quote { id } } }`;

let world: TransferWorld;
/** A world whose poster takes nothing. */
let busyWorld: TransferWorld;
/** A world where cards can be charged; what is refused here never comes to that. */
let cardWorld: TransferWorld;
/** A world where money can leave; what is refused here never does. */
let payoutWorld: TransferWorld;
const payouts = createScriptedRegistry();
/** A world where nothing is posted. */
let readOnlyWorld: TransferWorld;

beforeAll(async () => {
  world = await openTransferWorld();
  busyWorld = await openTransferWorld({ posterLimits: { maxWaiting: 0 } });
  cardWorld = await openTransferWorld({ cards: createScriptedCards() });
  payoutWorld = await openTransferWorld({ payouts });
  readOnlyWorld = await openTransferWorld();
  await world.recordRates({ date: '2026-09-29', perUsd: { EUR: '0.86', JPY: '157.5' } });
});
afterAll(async () => {
  await world.close();
  await busyWorld.close();
  await cardWorld.close();
  await payoutWorld.close();
  await readOnlyWorld.close();
});

/** Two customers and an account each: the first has 100.00 USD. */
interface Scene {
  world: TransferWorld;
  ada: Customer;
  bob: Customer;
  from: AccountId;
  to: AccountId;
}

async function scene(of: TransferWorld): Promise<Scene> {
  of.risk.answer = async () => ALLOW;
  of.faults.listenersCaughtUp = null;
  const [ada, bob] = [await of.customer('Ada'), await of.customer('Bob')];
  return { world: of, ada, bob, from: await of.account(ada, 'USD', { funds: '100.00' }), to: await of.account(bob) };
}

type Change = Record<string, unknown>;
type Scenario = (scene: Scene) => Change | Promise<Change>;

const decided = (decision: RiskDecision) => (): Change => {
  world.risk.answer = async () => ({ ...ALLOW, decision });
  return {};
};
const amount = (text: string) => () => ({ amount: { amount: text, currency: 'USD' } });
const end = (which: 'source' | 'destination', value: unknown) => () => ({ [which]: value });

/**
 * Every code, and the input or circumstances that lead to it, with the path it points to. The Record makes this total: a code
 * without a scenario does not compile.
 */
const scenarios: Record<
  TransferRefusal,
  { field: string | null; inWorld?: () => TransferWorld; scenario: Scenario }[]
> = {
  INVALID_IDEMPOTENCY_KEY: ['', 'x'.repeat(65), '\u0000\u0001', 'caf\u00e9'].map((idempotencyKey) => ({
    field: 'idempotencyKey',
    scenario: () => ({ idempotencyKey }),
  })),
  EXACTLY_ONE_END: [
    { field: 'source', scenario: end('source', {}) },
    { field: 'destination', scenario: end('destination', { email: 'a@b.example', iban: 'DE02120300000000202051' }) },
    { field: 'destination', scenario: end('destination', { payeeName: 'Grace' }) },
  ],
  FEATURE_UNAVAILABLE: [
    { field: 'source.paymentMethodId', scenario: end('source', { paymentMethodId: newId() }) },
    { field: 'destination.paymentMethodId', scenario: end('destination', { paymentMethodId: newId() }) },
    { field: 'destination.iban', scenario: end('destination', { iban: 'DE02120300000000202051' }) },
    { field: 'destination.address', scenario: end('destination', { address: '0x0' }) },
  ],
  UNSUPPORTED_CURRENCY: [
    { field: 'amount.currency', scenario: () => ({ amount: { amount: '1', currency: 'XXX' } }) },
    { field: 'amount.currency', scenario: () => ({ amount: { amount: '1', currency: 'usd' } }) },
  ],
  INVALID_AMOUNT: ['1e3', '', ' 1', 'NaN', '+1', '.5'].map((text) => ({
    field: 'amount.amount',
    scenario: amount(text),
  })),
  AMOUNT_NOT_POSITIVE: ['-5', '0'].map((text) => ({ field: 'amount.amount', scenario: amount(text) })),
  TOO_MANY_DECIMALS: [{ field: 'amount.amount', scenario: amount('1.001') }],
  AMOUNT_TOO_LARGE: [{ field: 'amount.amount', scenario: amount(`1${'0'.repeat(40)}`) }],
  UNKNOWN_QUOTE: [
    { field: 'quoteId', scenario: () => ({ quoteId: 'none' }) },
    { field: 'quoteId', scenario: () => ({ quoteId: newId() }) },
    {
      field: 'quoteId',
      scenario: async ({ bob, from, to }) => ({ quoteId: await quoted(world, bob, to, from) }),
    },
  ],
  QUOTE_MISMATCH: [
    {
      field: 'amount.amount',
      scenario: async ({ ada, from, to }) => ({
        quoteId: await quoted(world, ada, from, to),
        amount: { amount: '1.01', currency: 'USD' },
      }),
    },
  ],
  QUOTE_EXPIRED: [
    {
      field: 'quoteId',
      scenario: async ({ ada, from, to }) => {
        const quoteId = await quoted(world, ada, from, to);
        await world.admin.query(`UPDATE transfer.quote SET expires_at = now() - interval '1 s' WHERE id = $1`, [
          quoteId,
        ]);
        return { quoteId };
      },
    },
  ],
  QUOTE_ALREADY_USED: [
    {
      field: 'quoteId',
      scenario: async ({ ada, from, to }) => {
        const quoteId = await quoted(world, ada, from, to);
        await attempt(world, ada, from, to, { quoteId });
        return { quoteId };
      },
    },
  ],
  DESCRIPTION_TOO_LONG: [{ field: 'description', scenario: () => ({ description: 'x'.repeat(141) }) }],
  INVALID_DESCRIPTION: [{ field: 'description', scenario: () => ({ description: 'a\u0000b' }) }],
  IDEMPOTENCY_KEY_REUSED: [
    {
      field: 'idempotencyKey',
      scenario: async ({ ada, from, to }) => {
        await attempt(world, ada, from, to, { idempotencyKey: 'used' });
        return { idempotencyKey: 'used', description: 'another' };
      },
    },
  ],
  ACCOUNT_NOT_FOUND: [
    { field: 'source.accountId', scenario: ({ to }) => ({ source: { accountId: to } }) },
    { field: 'source.accountId', scenario: end('source', { accountId: newId() }) },
    { field: 'source.accountId', scenario: end('source', { accountId: 'no id' }) },
    { field: 'destination.accountId', scenario: end('destination', { accountId: newId() }) },
    { field: 'destination.accountId', scenario: end('destination', { accountId: 'no id' }) },
    {
      // The bank's own accounts take no customer's money by their id.
      field: 'destination.accountId',
      scenario: async () => ({ destination: { accountId: await systemAccount(world.admin, 'SETTLEMENT', 'USD') } }),
    },
  ],
  PAYMENT_METHOD_NOT_FOUND: [
    (): string => newId(),
    () => 'no id',
    ({ world: here, bob }: Scene) => here.link(bob),
    async ({ world: here, ada }: Scene) => {
      const disconnected = await here.link(ada);
      await here.unlink(ada, disconnected);
      return disconnected;
    },
  ].map((method) => ({
    field: 'source.paymentMethodId',
    inWorld: () => cardWorld,
    scenario: async (set) => ({ source: { paymentMethodId: await method(set) } }),
  })),
  PAYMENT_METHOD_NOT_CHARGEABLE: [
    {
      field: 'source.paymentMethodId',
      inWorld: () => cardWorld,
      scenario: async ({ ada }) => ({
        source: { paymentMethodId: await cardWorld.link(ada, { reference: null }) },
      }),
    },
  ],
  PAYMENT_METHOD_NOT_PAYABLE: [
    {
      field: 'destination.paymentMethodId',
      inWorld: () => payoutWorld,
      scenario: async ({ ada }) => ({
        destination: { paymentMethodId: await payoutWorld.link(ada, { reference: null }) },
      }),
    },
  ],
  INVALID_IBAN: ['DE88370400440532013000', 'DE8937040044053201300', 'XX89370400440532013000', '', 'x'.repeat(100)].map(
    (iban) => ({ field: 'destination.iban', inWorld: () => payoutWorld, scenario: end('destination', { iban }) }),
  ),
  INVALID_PAYEE_NAME: ['x'.repeat(71), 'a\u202eb', '\u200b'].map((payeeName) => ({
    field: 'destination.payeeName',
    inWorld: () => payoutWorld,
    scenario: end('destination', { iban: 'DE02120300000000202051', payeeName }),
  })),
  NO_PROVIDER_FOR_PAYOUT: [
    {
      field: 'destination',
      inWorld: () => payoutWorld,
      scenario: () => {
        payouts.names = [];
        return { destination: { iban: 'DE02120300000000202051' } };
      },
    },
  ],
  OUTGOING_PAUSED: [
    {
      field: null,
      inWorld: () => payoutWorld,
      scenario: async () => {
        payouts.reset();
        await payoutWorld.admin.query(
          `INSERT INTO transfer.outgoing_pause (id, scope, reason, paused_by) VALUES (gen_random_uuid(), 'ALL', 'test', 'test')`,
        );
        return { destination: { iban: 'DE02120300000000202051' } };
      },
    },
  ],
  PAYMENT_METHODS_UNAVAILABLE: [
    {
      field: 'source.paymentMethodId',
      inWorld: () => cardWorld,
      scenario: () => {
        cardWorld.faults.listenersCaughtUp = () => Promise.reject(new Error('behind'));
        return { source: { paymentMethodId: newId() } };
      },
    },
  ],
  UNKNOWN_RECIPIENT: [
    { field: 'destination.email', scenario: end('destination', { email: 'nobody@example.com' }) },
    { field: 'destination.email', scenario: end('destination', { email: 'no email' }) },
    {
      field: 'destination.email',
      scenario: async ({ to, bob }) => {
        await world.setStatus(to, 'FROZEN');
        return { destination: { email: bob.email } };
      },
    },
    {
      field: 'destination.email',
      scenario: async ({ bob, ada }) => ({
        source: { accountId: await world.account(ada, 'JPY') },
        destination: { email: bob.email },
        amount: { amount: '1', currency: 'JPY' },
      }),
    },
  ],
  RECIPIENTS_UNAVAILABLE: [
    {
      field: 'destination.email',
      scenario: () => {
        world.faults.listenersCaughtUp = async () => Promise.reject(new Error('behind'));
        return { destination: { email: 'nobody@example.com' } };
      },
    },
  ],
  SAME_ACCOUNT: [
    { field: 'destination.accountId', scenario: ({ from }) => ({ destination: { accountId: from } }) },
    { field: 'destination.email', scenario: ({ ada }) => ({ destination: { email: ada.email } }) },
  ],
  CURRENCY_MISMATCH: [
    { field: 'amount.currency', scenario: () => ({ amount: { amount: '1', currency: 'EUR' } }) },
    {
      field: 'destination.accountId',
      scenario: async ({ bob }) => ({ destination: { accountId: await world.account(bob, 'EUR') } }),
    },
  ],
  RATE_UNAVAILABLE: [
    { field: null, scenario: async ({ ada }) => ({ destination: { accountId: await world.account(ada, 'KES') } }) },
    {
      field: null,
      scenario: async ({ ada }) => {
        world.faults.listenersCaughtUp = () => Promise.reject(new Error('behind'));
        return { destination: { accountId: await world.account(ada, 'KES') } };
      },
    },
  ],
  EXCHANGE_TOO_SMALL: [
    {
      field: 'amount.amount',
      scenario: async ({ ada }) => ({
        source: { accountId: await world.account(ada, 'JPY', { funds: '10' }) },
        destination: { accountId: await world.account(ada, 'EUR') },
        amount: { amount: '1', currency: 'JPY' },
      }),
    },
  ],
  ACCOUNT_FROZEN: [
    { field: 'source.accountId', scenario: ({ from }) => status(from, 'FROZEN') },
    { field: 'destination.accountId', scenario: ({ to }) => status(to, 'FROZEN') },
    { field: null, scenario: ({ from }) => statusWhileRiskIsAsked(from, 'FROZEN') },
  ],
  ACCOUNT_CLOSED: [
    { field: 'destination.accountId', scenario: ({ to }) => status(to, 'CLOSED') },
    { field: null, scenario: ({ to }) => statusWhileRiskIsAsked(to, 'CLOSED') },
  ],
  RISK_UNAVAILABLE: [
    async () => Promise.reject(new Error('away')),
    async () => ({ score: 1, decision: 'ALLOW' }),
    // Hangs, as a risk that has lost its database does.
    () => new Promise(() => {}),
  ].map((answer) => ({
    field: null,
    scenario: () => {
      world.risk.answer = answer;
      return {};
    },
  })),
  STEP_UP_REQUIRED: [{ field: null, scenario: decided('STEP_UP') }],
  // A transfer to others is held for a person; an exchange waits for nobody.
  RISK_REVIEW_REQUIRED: [
    {
      field: null,
      scenario: async ({ ada }) => ({
        ...decided('REVIEW')(),
        destination: { accountId: await world.account(ada, 'EUR') },
      }),
    },
  ],
  NOT_PROCESSED: [{ field: null, scenario: decided('BLOCK') }],
  LIMIT_EXCEEDED: [
    {
      field: 'amount.amount',
      scenario: () => {
        const spending = { usdMinor: '100', bankDailyUsdMinor: '99', bankMonthlyUsdMinor: '1000' };
        world.risk.answer = async () => ({ ...ALLOW, spending });
        return {};
      },
    },
  ],
  INSUFFICIENT_FUNDS: [{ field: 'amount.amount', scenario: amount('100.01') }],
  BALANCE_TOO_LARGE: [
    {
      field: 'amount.amount',
      scenario: async ({ ada, bob }) => {
        const [rich, from] = [await world.account(bob, 'KES'), await world.account(ada, 'KES', { funds: '10' })];
        await world.fundMinor(rich, 10n ** 38n - 1n, 'KES');
        return {
          source: { accountId: from },
          destination: { accountId: rich },
          amount: { amount: '0.01', currency: 'KES' },
        };
      },
    },
  ],
  POSTER_BUSY: [{ field: null, inWorld: () => busyWorld, scenario: () => ({}) }],
  BANK_READ_ONLY: [
    {
      field: null,
      inWorld: () => readOnlyWorld,
      scenario: async () => {
        await readOnlyWorld.admin.query(`SELECT ledger.stop_posting('a test')`);
        return {};
      },
    },
  ],
  POSTER_STOPPED: [
    {
      field: null,
      inWorld: () => busyWorld,
      scenario: async () => {
        await busyWorld.stopPoster();
        return {};
      },
    },
  ],
};

async function status(account: AccountId, to: 'FROZEN' | 'CLOSED'): Promise<Change> {
  await world.setStatus(account, to);
  return {};
}

/** Planning has seen it active; the ledger sees it as it is. */
function statusWhileRiskIsAsked(account: AccountId, to: 'FROZEN' | 'CLOSED'): Change {
  world.risk.answer = async () => {
    await world.setStatus(account, to);
    return ALLOW;
  };
  return {};
}

let keys = 0;

async function attempt(of: TransferWorld, as: Customer, from: AccountId, to: AccountId, change: Change) {
  const input = {
    idempotencyKey: `key-${keys++}`,
    source: { accountId: from },
    destination: { accountId: to },
    amount: { amount: '1.00', currency: 'USD' },
    ...change,
  };
  const result = await of.execute(as, CREATE, { input });
  expect(result.errors).toBeUndefined();
  return result.data!['createTransfer'] as { transfer: unknown; replayed: boolean; userErrors: UserError[] };
}

async function quoted(of: TransferWorld, as: Customer, from: AccountId, to: AccountId): Promise<string> {
  const input = {
    source: { accountId: from },
    destination: { accountId: to },
    amount: { amount: '1.00', currency: 'USD' },
  };
  const result = await of.execute(as, QUOTE, { input });
  const payload = result.data!['quoteTransfer'] as { quote: { id: string } | null };
  return payload.quote!.id;
}

/** Verdicts under the ledger's lock, or a quote's: they are stored with the key, and nothing else is. */
const isVerdict = (code: string, field: string | null) =>
  ['INSUFFICIENT_FUNDS', 'LIMIT_EXCEEDED', 'BALANCE_TOO_LARGE', 'QUOTE_EXPIRED', 'QUOTE_ALREADY_USED'].includes(code) ||
  (['ACCOUNT_FROZEN', 'ACCOUNT_CLOSED'].includes(code) && field === null);

const cases = Object.entries(scenarios).flatMap(([code, all]) =>
  all.map((one, index) => ({ code: code as TransferRefusal, number: index + 1, ...one })),
);

describe('createTransfer refuses', () => {
  test.each(cases)('$code ($number): nothing moves, nothing is stored', async ({ code, field, inWorld, scenario }) => {
    const set = await scene((inWorld ?? (() => world))());
    const { world: here, ada, from, to } = set;
    const change = await scenario(set);
    const before = await here.stored();
    const balance = await here.balance(from);

    const answer = await attempt(here, ada, from, to, change);

    expect(answer).toEqual({
      transfer: null,
      replayed: false,
      challenge: null,
      userErrors: [{ code, field: field?.split('.') ?? null, ...TRANSFER_REFUSALS[code] }],
    });
    expect(await here.stored()).toEqual({ ...before, keys: before['keys']! + (isVerdict(code, field) ? 1 : 0) });
    expect(await here.balance(from)).toBe(balance);
    await here.proveBooks();
  });

  test('all faults of the input at once', async () => {
    const { ada, from, to } = await scene(world);
    const { userErrors } = await attempt(world, ada, from, to, {
      idempotencyKey: '',
      source: {},
      destination: { iban: 'x' },
      amount: { amount: '-1', currency: 'USD' },
      description: '\u0000',
    });
    expect(userErrors.map(({ code, field }) => [code, field?.join('.')])).toEqual([
      ['INVALID_IDEMPOTENCY_KEY', 'idempotencyKey'],
      ['EXACTLY_ONE_END', 'source'],
      ['INVALID_IBAN', 'destination.iban'],
      ['AMOUNT_NOT_POSITIVE', 'amount.amount'],
      ['INVALID_DESCRIPTION', 'description'],
    ]);
  });

  test('retryable refusals are those where the same key succeeds later', async () => {
    expect(
      Object.entries(TRANSFER_REFUSALS)
        .filter(([, { retryable }]) => retryable)
        .map(([code]) => code)
        .sort(),
    ).toEqual([
      'BANK_READ_ONLY',
      'OUTGOING_PAUSED',
      'PAYMENT_METHODS_UNAVAILABLE',
      'POSTER_BUSY',
      'POSTER_STOPPED',
      'RATE_UNAVAILABLE',
      'RECIPIENTS_UNAVAILABLE',
      'RISK_UNAVAILABLE',
    ]);
  });
});
