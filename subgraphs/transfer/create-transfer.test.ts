import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { newId, type AccountId } from '../../platform/ids.ts';
import type { UserError } from '../../platform/refusal.ts';
import { ALLOW, openTransferWorld, type Customer, type TransferWorld } from '../../tests/transfer-world.ts';

const TRANSFER = `fragment All on Transfer {
  id type status amount { amount currency } destinationAmount { amount currency } exchangeRate fees { amount currency }
  source { account { id } paymentMethod { id } label } destination { account { id } paymentMethod { id } label }
  description failureCode timeline { status step at note } createdAt updatedAt
}`;
const CREATE = `${TRANSFER} mutation ($input: CreateTransferInput!) {
  createTransfer(input: $input) { transfer { ...All } replayed challenge { id } userErrors { code field message retryable } }
}`;
const READ = `${TRANSFER} query ($id: ID!) { transfer(id: $id) { ...All } }`;

interface Payload {
  transfer: { id: string; status: string; createdAt: string; updatedAt: string } | null;
  replayed: boolean;
  challenge: null;
  userErrors: UserError[];
}

let world: TransferWorld;
let ada: Customer;
let bob: Customer;
let from: AccountId;
let to: AccountId;

beforeAll(async () => {
  world = await openTransferWorld();
});
beforeEach(async () => {
  world.risk.answer = async () => ALLOW;
  [ada, bob] = [await world.customer('Ada Lovelace'), await world.customer('Bob')];
  from = await world.account(ada, 'USD', { funds: '100.00' });
  to = await world.account(bob);
});
afterEach(async () => {
  await world.proveBooks();
});
afterAll(() => world.close());

let keys = 0;

function input(change: Record<string, unknown> = {}) {
  return {
    idempotencyKey: `key-${keys++}`,
    source: { accountId: from },
    destination: { accountId: to },
    amount: { amount: '12.50', currency: 'USD' },
    ...change,
  };
}

async function create(as: Customer, what: Record<string, unknown>): Promise<Payload> {
  const result = await world.execute(as, CREATE, { input: what });
  expect(result.errors).toBeUndefined();
  return result.data!['createTransfer'] as Payload;
}

const codes = ({ userErrors }: Payload) => userErrors.map(({ code }) => code);

describe('createTransfer', () => {
  test('moves money between two customers, and tells the sender everything', async () => {
    const before = await world.stored();
    const answer = await create(ada, input({ description: ' Lunch ' }));
    expect(answer).toEqual({
      transfer: {
        id: expect.any(String),
        type: 'INTERNAL',
        status: 'COMPLETED',
        amount: { amount: '12.50', currency: 'USD' },
        destinationAmount: { amount: '12.50', currency: 'USD' },
        exchangeRate: null,
        fees: { amount: '0.00', currency: 'USD' },
        source: { account: { id: from }, paymentMethod: null, label: 'Ada Lovelace' },
        destination: { account: null, paymentMethod: null, label: 'Bob' },
        description: 'Lunch',
        failureCode: null,
        timeline: [
          { status: 'INITIATED', step: null, at: answer.transfer!.createdAt, note: null },
          { status: 'COMPLETED', step: null, at: answer.transfer!.updatedAt, note: null },
        ],
        createdAt: expect.any(String),
        updatedAt: expect.any(String),
      },
      replayed: false,
      challenge: null,
      userErrors: [],
    });
    expect([await world.balance(from), await world.balance(to)]).toEqual([87_50n, 12_50n]);
    const after = await world.stored();
    expect(after).toEqual({
      entries: before['entries']! + 1,
      postings: before['postings']! + 2,
      versions: before['versions']! + 2,
      transfers: before['transfers']! + 1,
      keys: before['keys']! + 1,
      // EntryPosted and TransferCompleted.
      events: before['events']! + 2,
    });
    // What was answered without reading it again is what is stored.
    const read = await world.execute(ada, READ, { id: answer.transfer!.id });
    expect(read).toEqual({ data: { transfer: answer.transfer } });
  });

  test('says on both statements what it was, and who the other side is', async () => {
    await create(ada, input({ description: 'Lunch' }));
    const { rows } = await world.admin.query<Record<string, string>>(
      `SELECT p.account_id, p.amount, p.line_type, p.counterparty, e.description
       FROM ledger.posting p JOIN ledger.entry e ON e.id = p.entry_id WHERE p.account_id = ANY ($1) AND e.kind = 'TRANSFER' ORDER BY amount`,
      [[from, to]],
    );
    expect(rows).toEqual([
      { account_id: from, amount: '-1250', line_type: 'TRANSFER_OUT', counterparty: 'Bob', description: 'Lunch' },
      { account_id: to, amount: '1250', line_type: 'TRANSFER_IN', counterparty: 'Ada Lovelace', description: 'Lunch' },
    ]);
  });

  test('tells risk what it plans and from where it was asked', async () => {
    world.risk.asked.length = 0;
    const { transfer } = await create(ada, input());
    expect(world.risk.asked).toEqual([
      {
        transferId: transfer!.id,
        customerId: ada.userId,
        type: 'INTERNAL',
        sourceAccountId: from,
        destinationAccountId: to,
        recipientId: bob.userId,
        amountMinor: '1250',
        currency: 'USD',
        origin: { ip: '192.0.2.1', deviceId: 'device-1' },
      },
    ]);
  });

  test('goes between own accounts, with both labels and both accounts', async () => {
    const savings = await world.account(ada, 'USD', { kind: 'SAVINGS' });
    const { transfer } = await create(ada, input({ destination: { accountId: savings } }));
    expect(transfer).toMatchObject({
      source: { account: { id: from }, label: 'Ada Lovelace' },
      destination: { account: { id: savings }, label: 'Ada Lovelace' },
    });
  });

  test('needs a viewer', async () => {
    const before = await world.stored();
    const result = await world.execute(null, CREATE, { input: input() });
    expect(result.errors?.[0]?.extensions).toEqual({ code: 'UNAUTHENTICATED' });
    expect(await world.stored()).toEqual(before);
  });
});

describe('an email as the destination', () => {
  test('means the oldest active PERSONAL account in the currency', async () => {
    const cara = await world.customer('Cara');
    await world.account(cara, 'USD', { kind: 'SAVINGS' });
    await world.account(cara, 'EUR');
    await world.setStatus(await world.account(cara), 'FROZEN');
    const meant = await world.account(cara);
    const younger = await world.account(cara);
    const { transfer } = await create(ada, input({ destination: { email: ` ${cara.email.toUpperCase()} ` } }));
    expect(transfer).toMatchObject({ destination: { account: null, label: 'Cara' } });
    expect([await world.balance(meant), await world.balance(younger)]).toEqual([12_50n, 0n]);
  });

  test('reaches a customer who registered a millisecond ago', async () => {
    const cara = await world.customer('Cara', { unheard: true });
    const account = await world.account(cara);
    const { transfer } = await create(ada, input({ destination: { email: cara.email } }));
    expect(transfer).toMatchObject({ destination: { label: 'Cara' } });
    expect(await world.balance(account)).toBe(12_50n);
  });

  test('knows the names of a sender and a recipient who registered a millisecond ago', async () => {
    const [cara, dan] = [
      await world.customer('Cara', { unheard: true }),
      await world.customer('Dan', { unheard: true }),
    ];
    const caras = await world.account(cara, 'USD', { funds: '1.00' });
    const dans = await world.account(dan);
    const { transfer } = await create(
      cara,
      input({
        source: { accountId: caras },
        destination: { accountId: dans },
        amount: { amount: '1', currency: 'USD' },
      }),
    );
    expect(transfer).toMatchObject({ source: { label: 'Cara' }, destination: { label: 'Dan' } });
  });

  test('does not stop a transfer between accounts when names are late', async () => {
    const cara = await world.customer('Cara', { unheard: true });
    const caras = await world.account(cara);
    world.faults.listenersCaughtUp = async () => Promise.reject(new Error('behind'));
    await world.admin.query('DELETE FROM transfer.payee WHERE user_id = $1', [cara.userId]);
    const { transfer } = await create(ada, input({ destination: { accountId: caras } }));
    world.faults.listenersCaughtUp = null;
    expect(transfer).toMatchObject({ status: 'COMPLETED' });
  });

  test('can be tried for nobody 30 times, and then not even for somebody', async () => {
    const tries = await Promise.all(
      Array.from({ length: 30 }, (_, n) => create(ada, input({ destination: { email: `nobody${n}@example.com` } }))),
    );
    expect(new Set(tries.flatMap(codes))).toEqual(new Set(['UNKNOWN_RECIPIENT']));
    const before = await world.stored();
    for (const email of ['nobody@example.com', bob.email]) {
      const result = await world.execute(ada, CREATE, { input: input({ destination: { email } }) });
      expect(result.errors?.[0]?.extensions['code']).toBe('RATE_LIMITED');
    }
    expect(await world.stored()).toEqual(before);
    // Others are not concerned, and neither are transfers to an account.
    const bobs = await world.account(bob, 'USD', { funds: '5.00' });
    const back = {
      source: { accountId: bobs },
      destination: { email: ada.email },
      amount: { amount: '5', currency: 'USD' },
    };
    expect(codes(await create(bob, input(back)))).toEqual([]);
    expect(codes(await create(ada, input()))).toEqual([]);
  });
});

describe('the same key again', () => {
  test('shows the first transfer and moves nothing, however the same input is written', async () => {
    const first = input({ amount: { amount: '12.5', currency: 'USD' }, description: 'Lunch' });
    const answer = await create(ada, first);
    const before = await world.stored();
    const again = {
      description: 'Lunch ',
      amount: { currency: 'USD', amount: '12.50' },
      destination: { email: null, accountId: to.toUpperCase() },
      source: first.source,
      idempotencyKey: first.idempotencyKey,
    };
    expect(await create(ada, again)).toEqual({ ...answer, replayed: true });
    expect(await world.stored()).toEqual(before);
  });

  test('still answers when recipient, risk and look-ups would now refuse', async () => {
    const first = input({ destination: { email: bob.email } });
    const answer = await create(ada, first);
    await world.setStatus(from, 'FROZEN');
    await world.setStatus(to, 'FROZEN');
    world.risk.answer = async () => Promise.reject(new Error('away'));
    world.risk.asked.length = 0;
    expect(await create(ada, first)).toEqual({ ...answer, replayed: true });
    expect(world.risk.asked).toEqual([]);
  });

  test('with another body is refused, and tells nothing of the first', async () => {
    const first = input();
    await create(ada, first);
    const before = await world.stored();
    const others = [
      { amount: { amount: '12.51', currency: 'USD' } },
      { destination: { email: bob.email } },
      { description: 'Lunch' },
      { source: { accountId: to } },
    ];
    for (const other of others) {
      const answer = await create(ada, { ...first, ...other });
      expect(codes(answer)).toEqual(['IDEMPOTENCY_KEY_REUSED']);
      expect(answer).toMatchObject({ transfer: null, replayed: false });
    }
    expect(await world.stored()).toEqual(before);
  });

  test('of another customer is another key', async () => {
    const bobs = await world.account(bob, 'USD', { funds: '12.50' });
    const first = input();
    const [adas] = [await create(ada, first)];
    const answer = await create(bob, { ...first, source: { accountId: bobs }, destination: { accountId: from } });
    expect(answer).toMatchObject({ replayed: false, userErrors: [] });
    expect(answer.transfer!.id).not.toBe(adas.transfer!.id);
  });

  test('keeps its first refusal after a top-up', async () => {
    const first = input({ amount: { amount: '100.01', currency: 'USD' } });
    const refused = await create(ada, first);
    expect(codes(refused)).toEqual(['INSUFFICIENT_FUNDS']);
    expect(refused).toMatchObject({ transfer: null, replayed: false });
    await world.fund(from, '1000.00');
    expect(await create(ada, first)).toEqual({ ...refused, replayed: true });
    expect(await world.balance(from)).toBe(1100_00n);
    expect(codes(await create(ada, { ...first, idempotencyKey: 'a new one' }))).toEqual([]);
  });

  test('keeps a refusal that was decided under the lock', async () => {
    // Frozen after planning, while risk is asked.
    world.risk.answer = async () => {
      await world.setStatus(to, 'FROZEN');
      return ALLOW;
    };
    const first = input();
    const refused = await create(ada, first);
    expect(codes(refused)).toEqual(['ACCOUNT_FROZEN']);
    await world.setStatus(to, 'ACTIVE');
    world.risk.answer = async () => ALLOW;
    expect(await create(ada, first)).toEqual({ ...refused, replayed: true });
    expect(await world.balance(to)).toBe(0n);
  });

  test('succeeds after a refusal that was none of the ledger', async () => {
    const first = input();
    for (const answer of [
      async () => Promise.reject(new Error('away')),
      async () => ({ ...ALLOW, decision: 'MAYBE' }),
      async () => ({ ...ALLOW, decision: 'BLOCK' }),
    ]) {
      world.risk.answer = answer;
      const before = await world.stored();
      expect(await create(ada, first)).toMatchObject({ transfer: null, replayed: false });
      expect(await world.stored()).toEqual(before);
    }
    world.risk.answer = async () => ALLOW;
    expect(await create(ada, first)).toMatchObject({ transfer: { status: 'COMPLETED' }, replayed: false });
  });
});

describe('a second factor', () => {
  test('is not asked of who has not the money anyway; with the money the same key is', async () => {
    world.risk.answer = async () => ({ ...ALLOW, decision: 'STEP_UP' });
    const request = input({ amount: { amount: '100.01', currency: 'USD' } });
    const before = await world.stored();
    expect(await create(ada, request)).toMatchObject({
      transfer: null,
      replayed: false,
      userErrors: [{ code: 'INSUFFICIENT_FUNDS', field: ['amount', 'amount'] }],
    });
    expect(await world.stored()).toEqual(before);
    await world.fund(from, '0.01');
    expect(codes(await create(ada, request))).toEqual(['STEP_UP_REQUIRED']);
    world.risk.answer = async () => ALLOW;
    expect(await create(ada, request)).toMatchObject({ transfer: { status: 'COMPLETED' }, replayed: false });
  });
});

describe('many at once', () => {
  test.each([
    ['an account with a history', true],
    ['an account that was only just funded', false],
  ])('20 times the whole balance of %s goes once', async (_what, history) => {
    if (history) await create(ada, input({ amount: { amount: '0.01', currency: 'USD' } }));
    if (history) await world.fund(from, '0.01');
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => create(ada, input({ amount: { amount: '100.00', currency: 'USD' } }))),
    );
    expect(answers.filter(({ transfer }) => transfer?.status === 'COMPLETED')).toHaveLength(1);
    expect(
      answers.filter((answer) => answer.transfer === null && codes(answer)[0] === 'INSUFFICIENT_FUNDS'),
    ).toHaveLength(19);
    expect(await world.balance(from)).toBe(0n);
  });

  test('20 times one key is one transfer', async () => {
    const before = await world.stored();
    const first = input();
    const answers = await Promise.all(Array.from({ length: 20 }, () => create(ada, first)));
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(new Set(answers.map(({ transfer }) => transfer?.id)).size).toBe(1);
    expect(answers.flatMap(codes)).toEqual([]);
    const after = await world.stored();
    expect([after['entries'], after['transfers'], after['keys']]).toEqual(
      [before['entries'], before['transfers'], before['keys']].map((count) => count! + 1),
    );
  });

  test('one key with two bodies is one transfer and refusals', async () => {
    const first = input();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        create(ada, { ...first, amount: { amount: n % 2 ? '1' : '2', currency: 'USD' } }),
      ),
    );
    const done = answers.filter(({ transfer }) => transfer);
    expect(done).toHaveLength(10);
    expect(done.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(answers.filter((answer) => codes(answer)[0] === 'IDEMPOTENCY_KEY_REUSED')).toHaveLength(10);
  });
});

describe("another customer's account as the source", () => {
  test('is answered as one that does not exist and as what is no id', async () => {
    const before = await world.stored();
    const answers = [];
    for (const accountId of [to, newId<AccountId>(), 'no id', '', `${to}\u0000`]) {
      answers.push(await create(ada, input({ source: { accountId }, destination: { accountId: from } })));
    }
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]!.userErrors).toMatchObject([{ code: 'ACCOUNT_NOT_FOUND', field: ['source', 'accountId'] }]);
    expect(await world.stored()).toEqual(before);
  });

  test('does not let an email be tried', async () => {
    const known = await create(ada, input({ source: { accountId: to }, destination: { email: bob.email } }));
    const unknown = await create(
      ada,
      input({ source: { accountId: to }, destination: { email: 'nobody@example.com' } }),
    );
    expect(known).toEqual(unknown);
  });
});
