import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readStatement } from '../../subgraphs/wallet/statements/read-statement.ts';
import { DOCUMENTS, STATEMENT, type ShownStatement } from '../monthly-statements.ts';
import { METHOD, linesOf, type MethodAnswer } from '../payment-methods.ts';
import { readCsv } from '../read-csv.ts';
import { openWorld, type Person, type World } from '../world.ts';

/* Statements of months through the public door. */

let world: World;
let ada: Person;
let ben: Person;
let adas: string;
let bens: string;
beforeAll(async () => {
  world = await openWorld();
  [ada, ben] = [await world.register('Ada'), await world.register('Ben')];
  adas = await world.openAccount(ada, 'USD', '100');
  bens = await world.openAccount(ben, 'USD', '10');
  for (const [from, to, by, amount] of [
    [adas, bens, ada, '30.10'],
    [bens, adas, ben, '0.05'],
    [adas, bens, ada, '1'],
  ] as const) {
    const { transfer } = await world.transfer(by, {
      source: { accountId: from },
      destination: { accountId: to },
      amount: { amount, currency: 'USD' },
      description: '=Lunch, "again"',
    });
    expect(transfer?.status).toBe('COMPLETED');
  }
});
afterAll(() => world.close());

const month = new Date().toISOString().slice(0, 7);

async function statementOf(as: Person, accountId: string): Promise<ShownStatement> {
  const { account } = await world.ask<{ account: { statement: ShownStatement } }>(
    `query ($id: ID!, $month: String!) { account(id: $id) { statement(month: $month) { ${STATEMENT} ${DOCUMENTS} } } }`,
    { id: accountId, month },
    { as },
  );
  return account.statement;
}

const minor = (amount: string) => BigInt(amount.replace('.', ''));

test('what was sent and received is on both statements, in every format, and adds up', async () => {
  for (const [person, accountId, closing, amounts] of [
    [ada, adas, '68.95', ['100.00', '-30.10', '0.05', '-1.00']],
    [ben, bens, '41.05', ['10.00', '30.10', '-0.05', '1.00']],
  ] as const) {
    const statement = await statementOf(person, accountId);
    expect(statement).toMatchObject({ preliminary: true, opening: { amount: '0.00' }, closing: { amount: closing } });
    expect(statement.lines.edges.map(({ node }) => node.amount.amount)).toEqual(amounts);
    const json = JSON.parse(statement.asJson.text) as Record<string, unknown>;
    expect(json).toMatchObject({
      format: 'dwaybank.statement.v1',
      closing,
      account: { id: accountId, currency: 'USD' },
    });
    const rows = readCsv(statement.asCsv.text).slice(1);
    expect(rows.map((row) => row[2])).toEqual(amounts);
    expect(rows[1]![5]).toBe(`'=Lunch, "again"`);
    const read = await readStatement(statement.asCamt053!.text, new Date());
    expect(read.lines.map(({ amountMinor }) => amountMinor)).toEqual(amounts.map(minor));
    expect(read.lines[1]).toMatchObject({
      description: '=Lunch, "again"',
      counterparty: person === ada ? 'Ben' : 'Ada',
    });
  }
});

test('one’s statement can be imported as that of an outside account, as any bank’s', async () => {
  const { asCamt053 } = await statementOf(ada, adas);
  const { connectPaymentMethod } = await world.ask<{ connectPaymentMethod: MethodAnswer }>(
    `mutation ($input: ConnectPaymentMethodInput!) { connectPaymentMethod(input: $input) {
       paymentMethod { ${METHOD} } userErrors { code message } } }`,
    { input: { type: 'BANK_ACCOUNT', provider: 'statement', statement: asCamt053!.text } },
    { as: ben },
  );
  expect(connectPaymentMethod.userErrors).toEqual([]);
  expect(linesOf(connectPaymentMethod.paymentMethod!).map(({ amount }) => amount.amount)).toEqual(['-1.00', '0.05', '-30.10', '100.00']); // prettier-ignore
});

test('another customer sees none, and a month that is none is said by its code', async () => {
  const query =
    'query ($id: ID!, $month: String!) { account(id: $id) { id statement(month: $month) { closing { amount } } } }';
  expect(await world.ask(query, { id: adas, month }, { as: ben })).toEqual({ account: null });
  for (const [asked, code] of [
    ['2026-13', 'INVALID_MONTH'],
    ['2999-01', 'STATEMENT_NOT_AVAILABLE'],
    ['2001-01', 'STATEMENT_NOT_AVAILABLE'],
  ]) {
    const { data, errors } = await world.send(query, { id: adas, month: asked }, { as: ada });
    expect(errors!.map(({ extensions }) => extensions.code)).toEqual([code]);
    // The account itself is still answered.
    expect(data).toEqual({ account: { id: adas, statement: null } });
  }
});
