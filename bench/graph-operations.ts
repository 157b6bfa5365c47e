import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { formatAmount } from '../platform/money.ts';
import { ask } from '../tests/graph-client.ts';
import { HOME_SCREEN, type HomeScreen } from '../tests/home-screen.ts';
import { until } from '../tests/until.ts';
import type { BenchCustomer } from './graph-bank.ts';
import type { Call, Operation } from './graph-load.ts';

/*
 * What is measured. Turns never overlap and the customers' figures are kept here as the bank must have them, so every answer
 * of a read is compared exactly, after however many transfers.
 */

const DESCRIPTION = 'For the coffee';
const TOLD_WITHIN_MS = 30_000;

/** The operations on these customers; the first of them is who everybody pays in "createTransfer, hot". */
export function createOperations(customers: readonly BenchCustomer[], today: string): Operation[] {
  const [hot, ...others] = customers as [BenchCustomer, ...BenchCustomer[]];
  return [
    floor(hot),
    transfers('createTransfer, spread', others, () => anyOf(others)),
    transfers('createTransfer, hot', others, () => hot),
    eachOf('balance', customers, readBalance),
    {
      ...eachOf('home screen', customers, (customer) => readHomeScreen(customer, today)),
      before: (url) => portfoliosToldOf(url, customers),
    },
  ];
}

function post(query: string, variables: Record<string, unknown>, token: string): Omit<Call, 'check'> {
  return { method: 'POST', path: '/graphql', token, body: JSON.stringify({ query, variables }) };
}

/** The data of an answer that has no errors; what is in it is checked by whoever asked. */
function dataOf<Data>(answer: unknown): Data {
  const { data, errors } = answer as { data?: Data; errors?: unknown };
  if (errors !== undefined || !data) throw new Error('it has errors, or no data');
  return data;
}

function equal(what: string, found: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(found, expected)) {
    throw new Error(`${what} is ${JSON.stringify(found)} and must be ${JSON.stringify(expected)}`);
  }
}

function anyOf(customers: readonly BenchCustomer[]): BenchCustomer {
  return customers[Math.floor(Math.random() * customers.length)]!;
}

/** Every customer in turn, whoever's turn it is. */
function eachOf(name: string, customers: readonly BenchCustomer[], call: (customer: BenchCustomer) => Call): Operation {
  let asked = 0;
  return { name, next: () => call(customers[asked++ % customers.length]!) };
}

/** The smallest answer of the gateway: token, limits and GraphQL, and no subgraph. */
function floor({ token }: BenchCustomer): Operation {
  const request = post('{ __typename }', {}, token);
  return {
    name: 'smallest answer',
    next: () => ({ ...request, check: (answer) => equal('data', dataOf(answer), { __typename: 'Query' }) }),
  };
}

const PAY = `mutation Pay($input: CreateTransferInput!) {
  createTransfer(input: $input) {
    replayed
    transfer {
      id status amount { amount currency } description destination { label }
      source { account { id balance { available { amount } version } } }
    }
    userErrors { code message }
  }
}`;

interface Paid {
  createTransfer: {
    transfer: {
      id: string;
      source: { account: { balance: { version: number } } };
    };
  };
}

/** Payments by email; every customer pays in turn, so that with more customers than requests in flight nobody pays twice at once. */
function transfers(name: string, customers: readonly BenchCustomer[], recipientOf: () => BenchCustomer): Operation {
  return eachOf(name, customers, (source) => {
    let destination = recipientOf();
    while (destination === source) destination = recipientOf();
    return pay(source, destination);
  });
}

function pay(source: BenchCustomer, destination: BenchCustomer): Call {
  const amountMinor = BigInt(1 + Math.floor(Math.random() * 99));
  const amount = { amount: formatAmount(amountMinor, 'USD'), currency: 'USD' };
  const { version } = source;
  const input = {
    idempotencyKey: randomUUID(),
    source: { accountId: source.accountId },
    destination: { email: destination.email },
    amount,
    description: DESCRIPTION,
  };
  return {
    ...post(PAY, { input }, source.token),
    check(answer) {
      const { createTransfer } = dataOf<Paid>(answer);
      const { id, source: end } = createTransfer.transfer;
      const { version: reached } = end.account.balance;
      equal('the answer', createTransfer, {
        replayed: false,
        transfer: {
          id,
          status: 'COMPLETED',
          amount,
          description: DESCRIPTION,
          destination: { label: destination.displayName },
          // Others pay at the same time, so what the balance is is known only when all is quiet.
          source: { account: { id: source.accountId, balance: end.account.balance } },
        },
        userErrors: [],
      });
      if (reached <= version) throw new Error(`version ${reached} does not follow ${version}`);
      for (const [customer, sign] of [
        [source, -1n],
        [destination, 1n],
      ] as const) {
        customer.balanceMinor += sign * amountMinor;
        customer.version++;
        customer.transfers++;
      }
    },
  };
}

const BALANCE = `query Balance($id: ID!) {
  account(id: $id) { id balance { available { amount currency } posted { amount } version } }
}`;

function readBalance({ accountId, token, balanceMinor, version }: BenchCustomer): Call {
  const amount = formatAmount(balanceMinor, 'USD');
  return {
    ...post(BALANCE, { id: accountId }, token),
    check: (answer) =>
      equal('data', dataOf(answer), {
        account: { id: accountId, balance: { available: { amount, currency: 'USD' }, posted: { amount }, version } },
      }),
  };
}

const PORTFOLIO = '{ me { portfolio { holdings { currency quantity } } } }';

/** Portfolios are told by events: waits until they say what the books say, as readHomeScreen expects it. */
async function portfoliosToldOf(url: string, customers: readonly BenchCustomer[]): Promise<void> {
  for (const { token, displayName, balanceMinor } of customers) {
    const quantity = formatAmount(balanceMinor, 'USD');
    await until(
      `the portfolio of ${displayName} has its ${quantity} USD`,
      async () => {
        const { me } = await ask<Pick<HomeScreen, 'me'>>(url, PORTFOLIO, { token });
        return me?.portfolio?.holdings.some((holding) => holding.currency === 'USD' && holding.quantity === quantity);
      },
      TOLD_WITHIN_MS,
    );
  }
}

function readHomeScreen(customer: BenchCustomer, today: string): Call {
  return {
    ...post(HOME_SCREEN, { from: `${today.slice(0, 8)}01`, to: today }, customer.token),
    check(answer) {
      const { me } = dataOf<HomeScreen>(answer);
      const amount = formatAmount(customer.balanceMinor, 'USD');
      equal('the name', me?.displayName, customer.displayName);
      const accounts = me?.accounts?.edges.map(({ node }) => node) ?? [];
      const usd = accounts.find(({ id }) => id === customer.accountId);
      equal(
        'the accounts',
        accounts.map(({ currency }) => currency),
        ['USD', 'EUR', 'JPY'],
      );
      equal('the balance', usd?.balance, { available: { amount }, version: customer.version });
      equal('the lines', usd?.transactions.edges.length, Math.min(5, customer.version));
      equal('the transfers', me?.transfers?.edges.length, Math.min(10, customer.transfers));
      equal('the holding', me?.portfolio?.holdings.find(({ currency }) => currency === 'USD')?.quantity, amount);
      equal(
        'the cards',
        me?.paymentMethods?.edges.map(({ node }) => node.isActive),
        [true],
      );
      for (const part of ['riskProfile', 'insights'] as const) if (!me?.[part]) throw new Error(`${part} is missing`);
    },
  };
}
