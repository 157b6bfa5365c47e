import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { AccountId } from '../../../platform/ids.ts';
import { openTransferWorld, type Customer, type TransferWorld } from '../../../tests/transfer-world.ts';
import { until } from '../../../tests/until.ts';

let world: TransferWorld;
let ada: Customer;
let ben: Customer;
let staff: Customer;
let from: AccountId;
let to: AccountId;
let shop: AccountId;
let keys = 0;

beforeAll(async () => {
  world = await openTransferWorld();
  ada = await world.customer('Ada');
  const kim = await world.customer('Kim');
  staff = { ...kim, viewer: { ...kim.viewer, roles: ['ADMIN'] } };
  shop = await world.account(kim);
});
beforeEach(async () => {
  ben = await world.customer('Ben');
});
afterEach(() => world.proveBooks());
afterAll(() => world.close());

async function ask<Answer>(
  as: Customer | null,
  query: string,
  variables: Record<string, unknown> = {},
): Promise<Answer> {
  const { data, errors } = await world.execute(as, query, variables);
  if (errors) throw new Error(JSON.stringify(errors));
  return Object.values(data!)[0] as Answer;
}

interface Paid {
  transfer: { id: string } | null;
  userErrors: { code: string }[];
}

async function pay(as: Customer, source: AccountId, destination: AccountId, amount: string): Promise<Paid> {
  const input = {
    idempotencyKey: `pay-${++keys}`,
    source: { accountId: source },
    destination: { accountId: destination },
    amount: { amount, currency: 'USD' },
  };
  return ask(
    as,
    `mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } userErrors { code } } }`,
    { input },
  );
}

const codes = ({ userErrors }: Paid) => userErrors.map(({ code }) => code);

/** Ben was paid 100.00, has spent 60.00, and all of it was taken back. */
async function owing(): Promise<void> {
  from = await world.account(ada, 'USD', { funds: '100.00' });
  to = await world.account(ben);
  const { transfer } = await pay(ada, from, to, '100.00');
  expect(codes(await pay(ben, to, shop, '60.00'))).toEqual([]);
  const reversal = {
    idempotencyKey: `back-${++keys}`,
    transferId: transfer!.id,
    reason: 'Fraud',
    shortfall: 'RECEIVABLE',
  };
  const { userErrors } = await ask<{ userErrors: unknown[] }>(
    staff,
    `mutation ($input: ReverseTransferInput!) { reverseTransfer(input: $input) { userErrors { code } } }`,
    { input: reversal },
  );
  expect(userErrors).toEqual([]);
}

interface Seen {
  amount: { amount: string };
  collected: { amount: string };
  outstanding: { amount: string };
  settledAt: string | null;
}
const SHOWN = `edges { node { id debtor { id } refund { id description } amount { amount currency } collected { amount } outstanding { amount }
  since ageDays settledAt collections { account { id } amount { amount } at } } }`;

async function owed(as: Customer | null, of = ben): Promise<Seen[] | null> {
  const [user] = await ask<[{ receivables: { edges: { node: Seen }[] } | null }]>(
    as,
    `query ($of: [_Any!]!) { _entities(representations: $of) { ... on User { receivables { ${SHOWN} } } } }`,
    { of: [{ __typename: 'User', id: of.userId }] },
  );
  return user.receivables?.edges.map(({ node }) => node) ?? null;
}

const outstanding = async () => (await owed(ben))!.map((each) => each.outstanding.amount);

async function becomes(amount: string): Promise<void> {
  await until(`${amount} is owed`, async () => (await outstanding())[0] === amount);
}

describe('what a customer owes', () => {
  test('is shown to them and to staff, with what it is for, and to nobody else', async () => {
    await owing();
    const expected = [
      {
        debtor: { id: ben.userId },
        refund: { description: 'Fraud' },
        amount: { amount: '60.00', currency: 'USD' },
        collected: { amount: '0.00' },
        outstanding: { amount: '60.00' },
        ageDays: 0,
        settledAt: null,
        collections: [],
      },
    ];
    expect(await owed(ben)).toMatchObject(expected);
    expect(await owed(staff)).toMatchObject(expected);
    expect(await owed(ada)).toBeNull();
    expect(await owed(null)).toBeNull();
    expect(await owed(ada, ada)).toEqual([]);
  });

  test('of all customers is shown to staff alone', async () => {
    await owing();
    const query = `{ outstandingReceivables(first: 100) { ${SHOWN} } }`;
    const all = await ask<{ edges: { node: { debtor: { id: string } } }[] }>(staff, query);
    expect(all.edges.map(({ node }) => node.debtor.id)).toContain(ben.userId);
    for (const [who, code] of [
      [ben, 'FORBIDDEN'],
      [null, 'UNAUTHENTICATED'],
    ] as const) {
      expect((await world.execute(who, query)).errors![0]!.extensions['code']).toBe(code);
    }
  });
});

describe('money that arrives at a debtor', () => {
  test('is taken up to what is owed, part by part, and the statement says why', async () => {
    await owing();
    await pay(ada, from, to, '25.00');
    await becomes('35.00');
    expect(await world.balance(to)).toBe(0n);
    await pay(ada, from, to, '75.00');
    await becomes('0.00');
    expect(await world.balance(to)).toBe(4_000n);
    const [settled] = (await owed(ben))!;
    expect(settled).toMatchObject({
      settledAt: expect.any(String),
      collections: [
        { account: { id: to }, amount: { amount: '35.00' } },
        { account: { id: to }, amount: { amount: '25.00' } },
      ],
    });
    const { rows } = await world.admin.query(
      `SELECT p.amount::text, p.line_type, e.description, t.refund_of IS NOT NULL AS of_refund
       FROM ledger.entry e JOIN ledger.posting p ON p.entry_id = e.id AND p.account_id = $1
       JOIN transfer.transfer t ON t.id = e.transfer_id WHERE e.kind = 'COLLECTION' ORDER BY e.id`,
      [to],
    );
    const line = { line_type: 'REVERSAL', description: 'Owed since money was taken back', of_refund: true };
    expect(rows).toEqual([
      { ...line, amount: '-2500' },
      { ...line, amount: '-3500' },
    ]);
  });

  test('on another account of theirs is taken too', async () => {
    await owing();
    const savings = await world.account(ben, 'USD', { kind: 'SAVINGS', funds: '60.01' });
    await becomes('0.00');
    expect([await world.balance(to), await world.balance(savings)]).toEqual([0n, 1n]);
  });

  test('waits on an account that is frozen, and is taken when it is used again', async () => {
    await owing();
    const client = await world.admin.connect();
    try {
      // Frozen in the commit in which the money arrives: nothing is there to be taken in between.
      await client.query('BEGIN');
      await client.query(`SELECT FROM ledger.account WHERE id = $1 FOR UPDATE`, [to]);
      await client.query(
        `SELECT ledger.post_batch(ARRAY[gen_random_uuid()], ARRAY['FUNDING'], ARRAY[NULL::uuid], ARRAY[NULL::text], ARRAY[true], ARRAY[1, 1],
           ARRAY[gen_random_uuid(), gen_random_uuid()], ARRAY[ledger.system_account('SETTLEMENT', 'USD'), $1::uuid], ARRAY['USD', 'USD'],
           ARRAY[-6000, 6000]::numeric[], ARRAY['DEPOSIT', 'DEPOSIT'], ARRAY[NULL, NULL]::text[])`,
        [to],
      );
      await client.query(`UPDATE ledger.account SET status = 'FROZEN' WHERE id = $1`, [to]);
      await client.query('COMMIT');
    } finally {
      client.release();
    }
    // Another debtor’s money is collected meanwhile: the bank has looked, and left this account alone.
    const frozen = { ben, to };
    ben = await world.customer('Bea');
    await owing();
    await world.fund(to, '60.00');
    await becomes('0.00');
    expect(await world.balance(frozen.to)).toBe(6_000n);
    await world.setStatus(frozen.to, 'ACTIVE');
    ben = frozen.ben;
    await becomes('0.00');
    expect(await world.balance(frozen.to)).toBe(0n);
  });
});

test('a debtor who pays at the same moment never spends what is collected, nor the other way round', async () => {
  await owing();
  const payments: Promise<Paid>[] = [];
  for (let round = 0; round < 12; round++) {
    await world.fund(to, '10.00');
    payments.push(pay(ben, to, shop, '10.00'));
  }
  const paid = (await Promise.all(payments)).filter(({ transfer }) => transfer !== null).length;
  const collected = async () => BigInt((await owed(ben))![0]!.collected.amount.replace('.', ''));
  await until(
    'nothing is left, or nothing is owed',
    async () => (await world.balance(to)) === 0n || (await collected()) === 6_000n,
  );
  expect((await world.balance(to)) + BigInt(paid) * 1_000n + (await collected())).toBe(12_000n);
});
