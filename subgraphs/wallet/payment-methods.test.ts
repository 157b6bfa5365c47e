import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newId, type ExternalTransactionId, type PaymentMethodId } from '../../platform/ids.ts';
import type { UserError } from '../../platform/refusal.ts';
import type { Viewer } from '../../platform/viewer.ts';
import { viewerFor } from '../../tests/one-subgraph.ts';
import { startWalletWorld, type WalletWorld } from '../../tests/wallet-world.ts';

let world: WalletWorld;
beforeAll(async () => {
  world = await startWalletWorld();
});
afterAll(() => world.close());

const sample = (name: string) => readFileSync(`tests/samples/statements/${name}`, 'utf8');
const CHECKING = sample('checking.ofx');
const CHECKING_NEXT = sample('checking-next.ofx');
const CAMT = sample('statement.camt053.xml');

const METHOD = `id type provider label balance { amount currency } balanceAsOf lastSync isActive createdAt
  externalTransactions(first: 100) { edges { cursor node { id amount { amount currency } description counterparty bookedOn } }
    pageInfo { hasNextPage endCursor } }`;
const ANSWER = `paymentMethod { ${METHOD} } userErrors { code message field retryable }`;

interface Line {
  id: ExternalTransactionId;
  amount: { amount: string; currency: string };
  description: string;
  counterparty: string | null;
  bookedOn: string;
}
interface Method {
  id: PaymentMethodId;
  label: string;
  balance: { amount: string; currency: string } | null;
  balanceAsOf: string | null;
  lastSync: string | null;
  isActive: boolean;
  externalTransactions: { edges: { cursor: string; node: Line }[]; pageInfo: { endCursor: string } };
}
interface Answer {
  paymentMethod: Method | null;
  userErrors: UserError[];
}

async function connect(viewer: Viewer, input: object): Promise<Answer> {
  const { data, errors } = await world.execute<{ connectPaymentMethod: Answer }>(
    `mutation ($input: ConnectPaymentMethodInput!) { connectPaymentMethod(input: $input) { ${ANSWER} } }`,
    { viewer, variables: { input } },
  );
  expect(errors).toEqual([]);
  return data.connectPaymentMethod;
}

const connectStatement = (viewer: Viewer, statement: string, more: object = {}) =>
  connect(viewer, { type: 'BANK_ACCOUNT', provider: 'statement', statement, ...more });

async function sync(viewer: Viewer, id: string, statement?: string): Promise<Answer> {
  const { data, errors } = await world.execute<{ syncPaymentMethod: Answer }>(
    `mutation ($id: ID!, $statement: String) { syncPaymentMethod(id: $id, statement: $statement) { ${ANSWER} } }`,
    { viewer, variables: { id, statement } },
  );
  expect(errors).toEqual([]);
  return data.syncPaymentMethod;
}

async function disconnect(viewer: Viewer, id: string): Promise<Answer> {
  const { data, errors } = await world.execute<{ disconnectPaymentMethod: Answer }>(
    `mutation ($id: ID!) { disconnectPaymentMethod(id: $id) { ${ANSWER} } }`,
    { viewer, variables: { id } },
  );
  expect(errors).toEqual([]);
  return data.disconnectPaymentMethod;
}

/** What must succeed. */
async function done(answer: Promise<Answer>): Promise<Method> {
  const { paymentMethod, userErrors } = await answer;
  expect(userErrors).toEqual([]);
  return paymentMethod!;
}

const codesOf = async (answer: Promise<Answer>) => {
  const { paymentMethod, userErrors } = await answer;
  expect(paymentMethod).toBeNull();
  return userErrors.map(({ code, field }) => [code, ...(field ?? [])].join(' '));
};

const linesOf = ({ externalTransactions }: Method) => externalTransactions.edges.map(({ node }) => node);

async function list(viewer: Viewer): Promise<Method[]> {
  const { data, errors } = await world.execute<{ me: { paymentMethods: { edges: { node: Method }[] } } }>(
    `{ me { paymentMethods { edges { node { ${METHOD} } } } } }`,
    { viewer },
  );
  expect(errors).toEqual([]);
  return data.me.paymentMethods.edges.map(({ node }) => node);
}

async function eventsOf(id: PaymentMethodId) {
  const { rows } = await world.database
    .pool('postgres')
    .query<{ type: string; payload: Record<string, unknown> & { lines?: unknown[] } }>(
      'SELECT type, payload FROM platform.event WHERE key = $1 ORDER BY xid, id',
      [id],
    );
  return rows;
}

describe('connectPaymentMethod with a statement', () => {
  test('imports what the file tells, and tells the others', async () => {
    const viewer = viewerFor();
    const method = await done(connectStatement(viewer, CHECKING));
    expect(method).toMatchObject({
      type: 'BANK_ACCOUNT',
      provider: 'statement',
      label: '011000015 ... 6789',
      balance: { amount: '1930.10', currency: 'USD' },
      balanceAsOf: '2026-02-28T23:59:59.000Z',
      lastSync: expect.any(String),
      isActive: true,
    });
    expect(linesOf(method).map(({ amount, description, bookedOn }) => [amount.amount, description, bookedOn])).toEqual([
      ['-7.25', 'CORNER GROCERY 17 MAIN ST', '2026-02-09'],
      ['-7.25', 'CORNER GROCERY 17 MAIN ST', '2026-02-09'],
      ['-800.00', 'Check 319', '2026-02-09'],
      ['-12.50', 'CAFE & CO', '2026-02-05'],
      ['2450.00', 'NORTHWIND PAYROLL; Salary February', '2026-02-02'],
    ]);
    const events = await eventsOf(method.id);
    expect(events.map(({ type }) => type)).toEqual([
      'PaymentMethodConnected',
      'ExternalTransactionsImported',
      'PaymentMethodSynced',
    ]);
    expect(events[0]!.payload).toEqual({
      paymentMethodId: method.id,
      ownerId: viewer.userId,
      type: 'BANK_ACCOUNT',
      provider: 'statement',
      label: method.label,
      reference: null,
      at: expect.any(String),
    });
    expect(events[1]!.payload).toMatchObject({ paymentMethodId: method.id, ownerId: viewer.userId, currency: 'USD' });
    expect(events[1]!.payload.lines![1]).toEqual({
      externalTransactionId: linesOf(method)[3]!.id,
      amountMinor: '-1250',
      description: 'CAFE & CO',
      counterparty: 'CAFE & CO',
      bookedOn: '2026-02-05',
      merchantCategory: '5812',
    });
    expect(events[2]!.payload).toMatchObject({ balanceMinor: '193010', currency: 'USD' });
  });

  test('of the same file again changes nothing and tells nothing', async () => {
    const viewer = viewerFor();
    const first = await done(connectStatement(viewer, CHECKING));
    expect(await done(connectStatement(viewer, CHECKING))).toEqual(first);
    expect(await done(sync(viewer, first.id, CHECKING))).toEqual(first);
    expect(await done(connectStatement(viewer, CHECKING, { label: 'Another name' }))).toEqual(first);
    expect(await list(viewer)).toEqual([first]);
    expect(await eventsOf(first.id)).toHaveLength(3);
  });
});
