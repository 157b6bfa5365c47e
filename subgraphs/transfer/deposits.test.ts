import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { AccountId, PaymentMethodId } from '../../platform/ids.ts';
import type { UserError } from '../../platform/refusal.ts';
import type { SubgraphEvent } from '../../platform/subgraph.ts';
import { ProviderOutcomeUnknownError, ProviderRefusedError } from '../../providers/card-provider.ts';
import { holdRelay, hurry, jobGone, jobWaits } from '../../tests/deposit-jobs.ts';
import { createScriptedCards } from '../../tests/scripted-cards.ts';
import { ALLOW, openTransferWorld, type Customer, type TransferWorld } from '../../tests/transfer-world.ts';
import { until } from '../../tests/until.ts';

const SHOWN = `id type status failureCode createdAt updatedAt timeline { status step note at }
  amount { amount currency } destinationAmount { amount currency } fees { amount }
  source { label account { id } paymentMethod { id } } destination { label account { id } paymentMethod { id } }`;
const CREATE = `mutation ($input: CreateTransferInput!) {
  createTransfer(input: $input) { replayed transfer { ${SHOWN} } userErrors { code field } } }`;
const READ = `query ($id: ID!) { transfer(id: $id) { ${SHOWN} } }`;
const FOLLOW = `subscription ($id: ID!) { transferUpdated(transferId: $id) { status failureCode timeline { status } } }`;

interface Shown {
  id: string;
  status: string;
  failureCode: string | null;
  timeline: { status: string; step: string | null; note: string | null; at: string }[];
}

interface Created {
  replayed: boolean;
  transfer: Shown | null;
  userErrors: Pick<UserError, 'code' | 'field'>[];
}

const cards = createScriptedCards();
let world: TransferWorld;
let ada: Customer;
let bob: Customer;
let account: AccountId;
let card: PaymentMethodId;
let keys = 0;

beforeAll(async () => {
  world = await openTransferWorld({ cards });
  [ada, bob] = [await world.customer('Ada'), await world.customer('Bob')];
  card = await world.link(ada);
});
beforeEach(async () => {
  cards.calls.length = 0;
  cards.charges.clear();
  account = await world.account(ada);
});
afterAll(async () => {
  await world.proveBooks();
  await world.close();
});

async function create(change: Record<string, unknown> = {}, as = ada): Promise<Created> {
  const input = {
    idempotencyKey: `key-${++keys}`,
    source: { paymentMethodId: card },
    destination: { accountId: account },
    amount: { amount: '25.50', currency: 'USD' },
    ...change,
  };
  const result = await world.execute(as, CREATE, { input });
  expect(result.errors).toBeUndefined();
  return result.data!['createTransfer'] as Created;
}

async function read(id: string, as = ada): Promise<Shown | null> {
  return (await world.execute(as, READ, { id })).data!['transfer'] as Shown | null;
}

/** Waits until a transfer's newest step has this status, and shows it. */
function reaches(id: string, status: string): Promise<Shown> {
  return until(`the deposit is ${status}`, async () => {
    const shown = (await read(id))!;
    return shown.status === status ? shown : null;
  }) as Promise<Shown>;
}

const steps = ({ timeline }: Shown) => timeline.map(({ status, step }) => (step ? `${status} ${step}` : status));

/** Waits for a status while every attempt follows the one before at once. */
function hurriedTo(id: string, status: string): Promise<Shown> {
  return until(`the deposit is ${status}`, async () => {
    await hurry(world.admin, id);
    const shown = (await read(id))!;
    return shown.status === status ? shown : null;
  }) as Promise<Shown>;
}

async function entriesOf(id: string): Promise<number> {
  return (await world.admin.query('SELECT FROM ledger.entry WHERE transfer_id = $1', [id])).rowCount!;
}

async function eventsOf(id: string): Promise<string[]> {
  const { rows } = await world.admin.query<{ type: string }>(
    'SELECT type FROM platform.event WHERE key = $1 ORDER BY xid, id',
    [id],
  );
  return rows.map(({ type }) => type);
}

describe('a deposit', () => {
  test('answers at once as INITIATED, and is credited when the card was charged', async () => {
    const { transfer, replayed, userErrors } = await create({ description: 'Savings' });
    expect({ replayed, userErrors }).toEqual({ replayed: false, userErrors: [] });
    expect(transfer).toMatchObject({
      type: 'DEPOSIT',
      status: 'INITIATED',
      failureCode: null,
      amount: { amount: '25.50', currency: 'USD' },
      destinationAmount: { amount: '25.50', currency: 'USD' },
      fees: { amount: '0.00' },
      source: { label: 'Visa •••• 4242', account: null, paymentMethod: { id: card } },
      destination: { label: 'Ada', account: { id: account }, paymentMethod: null },
    });
    expect(steps(transfer!)).toEqual(['INITIATED']);

    const done = await reaches(transfer!.id, 'COMPLETED');
    expect(steps(done)).toEqual(['INITIATED', 'SENT_TO_PROVIDER', 'COMPLETED']);
    expect(done.timeline.map(({ at }) => at)).toEqual(done.timeline.map(({ at }) => at).sort());
    expect(await world.balance(account)).toBe(2550n);
    expect(await entriesOf(done.id)).toBe(1);
    await jobGone(world.admin, done.id);
    expect(cards.calls).toEqual([`charge deposit_${done.id}`]);
    expect([...cards.charges.values()].map(({ request }) => request)).toEqual([
      {
        key: `deposit_${done.id}`,
        transferId: done.id,
        reference: 'card',
        amountMinor: 2550n,
        currency: 'USD',
      },
    ]);
    expect(await eventsOf(done.id)).toEqual(['DepositStarted', 'TransferAdvanced', 'TransferCompleted']);
    expect(world.risk.asked.at(-1)).toMatchObject({ type: 'DEPOSIT', sourceAccountId: null, recipientId: ada.userId });
    const { rows } = await world.admin.query('SELECT customer_id FROM risk.assessment WHERE transfer_id = $1', [
      done.id,
    ]);
    expect(rows).toEqual([{ customer_id: ada.userId }]);
    await world.proveBooks();
  });

  test('is a line on the statement with the card as its other end', async () => {
    const { transfer } = await create();
    await reaches(transfer!.id, 'COMPLETED');
    const { rows } = await world.admin.query(
      `SELECT p.amount, p.line_type, p.counterparty FROM ledger.posting p JOIN ledger.entry e ON e.id = p.entry_id
       WHERE e.transfer_id = $1 ORDER BY p.amount DESC`,
      [transfer!.id],
    );
    expect(rows).toEqual([
      { amount: '2550', line_type: 'DEPOSIT', counterparty: 'Visa •••• 4242' },
      { amount: '-2550', line_type: 'DEPOSIT', counterparty: null },
    ]);
  });

  test('FAILS with the provider’s code when the card is declined, and moves nothing', async () => {
    const declined = {
      outcome: 'DECLINED' as const,
      chargeId: null,
      code: 'insufficient_funds',
      message: 'Too little.',
    };
    cards.script.push(async () => declined);
    const { transfer } = await create();
    const failed = await reaches(transfer!.id, 'FAILED');
    expect(failed.failureCode).toBe('insufficient_funds');
    expect(steps(failed)).toEqual(['INITIATED', 'SENT_TO_PROVIDER', 'FAILED']);
    expect(failed.timeline.at(-1)!.note).toBe('Too little.');
    await jobGone(world.admin, failed.id);
    expect(await entriesOf(failed.id)).toBe(0);
    expect(await world.balance(account)).toBe(0n);
    expect(await eventsOf(failed.id)).toEqual(['DepositStarted', 'TransferAdvanced', 'TransferFailed']);
  });

  test('FAILS with the provider’s code when the provider refuses the request', async () => {
    cards.script.push(() => Promise.reject(new ProviderRefusedError('resource_missing', 'No such payment method.')));
    const { transfer } = await create();
    expect((await reaches(transfer!.id, 'FAILED')).failureCode).toBe('resource_missing');
  });

  test('whose charge was made but not heard of is PROVIDER_CONFIRMING, then COMPLETED, charged once', async () => {
    cards.script.push(async (charge) => {
      charge();
      throw new ProviderOutcomeUnknownError('the connection broke');
    });
    const { transfer } = await create();
    await reaches(transfer!.id, 'PROVIDER_CONFIRMING');
    expect(await world.balance(account)).toBe(0n);
    const done = await hurriedTo(transfer!.id, 'COMPLETED');
    expect(steps(done)).toEqual(['INITIATED', 'SENT_TO_PROVIDER', 'PROVIDER_CONFIRMING', 'COMPLETED']);
    expect(cards.calls).toEqual([`charge deposit_${done.id}`, `find ${done.id}`]);
    expect(cards.charges.size).toBe(1);
    expect(await world.balance(account)).toBe(2550n);
  });

  test('that never reached the provider is sent again under the same key, however often the provider is away', async () => {
    const away = () => Promise.reject(new ProviderOutcomeUnknownError('nobody answers'));
    cards.script.push(away, away, away);
    const { transfer } = await create();
    const done = await hurriedTo(transfer!.id, 'COMPLETED');
    // One step for the whole time: what is said again and again is no news.
    expect(steps(done)).toEqual(['INITIATED', 'SENT_TO_PROVIDER', 'PROVIDER_CONFIRMING', 'COMPLETED']);
    expect(cards.calls.filter((call) => call === `charge deposit_${done.id}`)).toHaveLength(4);
    expect(cards.charges.size).toBe(1);
  });

  test('that the provider still works on waits, and any fault of the adapter counts as unknown', async () => {
    cards.script.push(
      async () => ({ outcome: 'PENDING', chargeId: 'p' }),
      () => Promise.reject(new TypeError('a bug')),
    );
    const { transfer } = await create();
    await reaches(transfer!.id, 'PROVIDER_CONFIRMING');
    cards.findFailures.push(new ProviderOutcomeUnknownError('search is down'));
    const done = await hurriedTo(transfer!.id, 'COMPLETED');
    expect(steps(done)).toEqual(['INITIATED', 'SENT_TO_PROVIDER', 'PROVIDER_CONFIRMING', 'COMPLETED']);
    expect(cards.charges.size).toBe(1);
  });

  test('that was charged stays open while its account is frozen, and is credited when it no longer is', async () => {
    let goOn = () => {};
    const waiting = new Promise<void>((resolve) => (goOn = resolve));
    cards.script.push(async (charge) => {
      await waiting;
      return charge();
    });
    const { transfer } = await create();
    await reaches(transfer!.id, 'SENT_TO_PROVIDER');
    await world.setStatus(account, 'FROZEN');
    goOn();
    const open = await reaches(transfer!.id, 'PROVIDER_CONFIRMING');
    expect(steps(open).at(-1)).toBe('PROVIDER_CONFIRMING AWAITING_ACCOUNT');
    expect(open.timeline.at(-1)!.note).toContain('was taken from the card');
    await hurry(world.admin, open.id);
    await until('it has been tried again', () => cards.calls.includes(`find ${open.id}`));
    expect(await entriesOf(open.id)).toBe(0);
    await world.setStatus(account, 'ACTIVE');
    const done = await hurriedTo(open.id, 'COMPLETED');
    expect(steps(done).slice(-2)).toEqual(['PROVIDER_CONFIRMING AWAITING_ACCOUNT', 'COMPLETED']);
    expect(await world.balance(account)).toBe(2550n);
    expect(cards.charges.size).toBe(1);
  });

  test('whose card was unlinked before it was charged FAILS, and the provider hears nothing', async () => {
    const other = await world.link(ada);
    const held = await holdRelay(world.admin);
    const { transfer } = await create({ source: { paymentMethodId: other } });
    // As the listener does it, which reads nothing while the relay is held.
    await world.admin.query('UPDATE transfer.payment_method SET active = false WHERE id = $1', [other]);
    await held.letGo();
    expect((await reaches(transfer!.id, 'FAILED')).failureCode).toBe('payment_method_disconnected');
    await jobGone(world.admin, transfer!.id);
    expect(cards.calls).toEqual([]);
  });

  test('never sends a key that the provider may have forgotten: it looks, and in the end says that there is no charge', async () => {
    cards.script.push(() => Promise.reject(new ProviderOutcomeUnknownError('nobody answers')));
    const { transfer } = await create();
    await reaches(transfer!.id, 'PROVIDER_CONFIRMING');
    cards.calls.length = 0;
    await sentAgo(transfer!.id, '23 hours 1 minute');
    for (const times of [1, 2]) {
      await hurry(world.admin, transfer!.id);
      await until('it has looked', () => cards.calls.length === times);
      await until('it waits again', () => jobWaits(world.admin, transfer!.id));
    }
    expect(new Set(cards.calls)).toEqual(new Set([`find ${transfer!.id}`]));
    await sentAgo(transfer!.id, '25 hours 1 minute');
    // A look-up that fails proves nothing.
    cards.findFailures.push(new ProviderOutcomeUnknownError('search is down'));
    await hurry(world.admin, transfer!.id);
    await until('it has looked again', () => cards.calls.length === 3);
    await until('it waits again', () => jobWaits(world.admin, transfer!.id));
    expect((await read(transfer!.id))!.status).toBe('PROVIDER_CONFIRMING');
    expect((await hurriedTo(transfer!.id, 'FAILED')).failureCode).toBe('not_charged');
    expect(cards.charges.size).toBe(0);
  });

  test('that is found after its key has become too old is credited', async () => {
    cards.script.push(async (charge) => {
      charge();
      throw new ProviderOutcomeUnknownError('the connection broke');
    });
    const { transfer } = await create();
    await reaches(transfer!.id, 'PROVIDER_CONFIRMING');
    await sentAgo(transfer!.id, '40 days');
    await hurriedTo(transfer!.id, 'COMPLETED');
    expect(await world.balance(account)).toBe(2550n);
  });

  /** Moves the moment at which a deposit was sent. */
  async function sentAgo(id: string, interval: string): Promise<void> {
    await world.admin.query(
      `UPDATE transfer.transfer SET timeline = jsonb_set(timeline, '{1,at}', to_jsonb(now() - $2::interval)) WHERE id = $1`,
      [id, interval],
    );
  }
});

describe('one key', () => {
  test('is one deposit and one charge, however often it is sent at once and afterwards', async () => {
    const idempotencyKey = `key-${++keys}`;
    const answers = await Promise.all(Array.from({ length: 10 }, () => create({ idempotencyKey })));
    expect(answers.flatMap(({ userErrors }) => userErrors)).toEqual([]);
    const ids = new Set(answers.map(({ transfer }) => transfer!.id));
    expect(ids.size).toBe(1);
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    const [id] = [...ids];
    await reaches(id!, 'COMPLETED');
    // A repetition shows the deposit as it is now.
    expect(await create({ idempotencyKey })).toMatchObject({ replayed: true, transfer: { id, status: 'COMPLETED' } });
    expect(cards.calls).toEqual([`charge deposit_${id}`]);
    expect(await world.balance(account)).toBe(2550n);
  });

  test('for another body is refused, before and beside the other', async () => {
    const idempotencyKey = `key-${++keys}`;
    const amounts = ['1.00', '2.00'].map((amount) => ({ amount, currency: 'USD' }));
    const answers = await Promise.all(amounts.map((amount) => create({ idempotencyKey, amount })));
    expect(answers.filter(({ transfer }) => transfer)).toHaveLength(1);
    expect(answers.flatMap(({ userErrors }) => userErrors)).toMatchObject([{ code: 'IDEMPOTENCY_KEY_REUSED' }]);
    const started = answers.find(({ transfer }) => transfer)!.transfer!;
    const fresh = { idempotencyKey, amount: { amount: '3.00', currency: 'USD' } };
    expect((await create(fresh)).userErrors).toMatchObject([{ code: 'IDEMPOTENCY_KEY_REUSED' }]);
    // Nor does it serve for a transfer between accounts.
    const internal = { idempotencyKey, source: { accountId: account }, destination: { email: bob.email } };
    expect((await create(internal)).userErrors).toMatchObject([{ code: 'IDEMPOTENCY_KEY_REUSED' }]);
    await reaches(started.id, 'COMPLETED');
    expect(cards.charges.size).toBe(1);
  });
});

describe('a deposit is refused, with nothing stored and nothing charged,', () => {
  async function expectRefusal(code: string, field: string[] | null, change: Record<string, unknown>): Promise<void> {
    const before = await world.stored();
    const answer = await create(change);
    expect(answer).toEqual({ transfer: null, replayed: false, userErrors: [{ code, field }] });
    expect(await world.stored()).toEqual(before);
    expect(cards.calls).toEqual([]);
  }

  test('onto another customer’s account, which is as one that does not exist', async () => {
    const theirs = await world.account(bob);
    await expectRefusal('ACCOUNT_NOT_FOUND', ['destination', 'accountId'], { destination: { accountId: theirs } });
  });

  test('onto another customer by email', async () => {
    await expectRefusal('FEATURE_UNAVAILABLE', ['destination', 'email'], { destination: { email: bob.email } });
  });

  test('from another customer’s card, and from one to a card', async () => {
    const theirs = await world.link(bob);
    const field = ['source', 'paymentMethodId'];
    await expectRefusal('PAYMENT_METHOD_NOT_FOUND', field, { source: { paymentMethodId: theirs } });
    const toCard = { destination: { paymentMethodId: card } };
    await expectRefusal('FEATURE_UNAVAILABLE', ['destination', 'paymentMethodId'], toCard);
  });

  test('in another currency than the account’s', async () => {
    const amount = { amount: '5.00', currency: 'EUR' };
    await expectRefusal('CURRENCY_MISMATCH', ['amount', 'currency'], { amount });
  });

  test.each(['FROZEN', 'CLOSED'] as const)('onto an account that is %s', async (status) => {
    await world.setStatus(account, status);
    await expectRefusal(`ACCOUNT_${status}`, ['destination', 'accountId'], {});
  });

  test('when risk says no or nothing', async () => {
    world.risk.answer = async () => ({ ...ALLOW, decision: 'BLOCK' });
    await expectRefusal('NOT_PROCESSED', null, {});
    world.risk.answer = () => Promise.reject(new Error('down'));
    await expectRefusal('RISK_UNAVAILABLE', null, {});
    world.risk.answer = async () => ALLOW;
  });
});

describe('a card that was linked just now', () => {
  test('is found, since what wallet has said is waited for', async () => {
    const linked = await world.link(ada, { unheard: true });
    const { transfer } = await create({ source: { paymentMethodId: linked } });
    await reaches(transfer!.id, 'COMPLETED');
  });
});

describe('transferUpdated', () => {
  test('shows every step of a deposit as it happens, the failure code with the last alone', async () => {
    const declined = { outcome: 'DECLINED' as const, chargeId: null, code: 'card_declined', message: 'Declined.' };
    cards.script.push(
      () => Promise.reject(new ProviderOutcomeUnknownError('nobody answers')),
      async () => declined,
    );
    const held = await holdRelay(world.admin);
    const { transfer } = await create();
    const stream = world.subscribe(ada, FOLLOW, { id: transfer!.id });
    const seen: unknown[] = [await next(stream)];
    await held.letGo();
    seen.push(await next(stream), await next(stream));
    await hurriedTo(transfer!.id, 'FAILED');
    seen.push(await next(stream));
    expect(seen).toEqual([
      { status: 'INITIATED', failureCode: null, steps: 1 },
      { status: 'SENT_TO_PROVIDER', failureCode: null, steps: 2 },
      { status: 'PROVIDER_CONFIRMING', failureCode: null, steps: 3 },
      { status: 'FAILED', failureCode: 'card_declined', steps: 4 },
    ]);
    await stream.return!();
  });

  async function next(stream: AsyncIterableIterator<SubgraphEvent>) {
    const { value } = (await stream.next()) as { value: SubgraphEvent };
    const { status, failureCode, timeline } = value.result.data!['transferUpdated'] as Shown;
    return { status, failureCode, steps: timeline.length };
  }
});

describe('another customer', () => {
  test('sees nothing of a deposit by its id', async () => {
    const { transfer } = await create();
    expect(await read(transfer!.id, bob)).toBeNull();
    await reaches(transfer!.id, 'COMPLETED');
    const stream = world.subscribe(bob, FOLLOW, { id: transfer!.id });
    const { value } = (await stream.next()) as { value: SubgraphEvent };
    expect(value.result.errors).toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
  });
});
