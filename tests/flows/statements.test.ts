import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { METHOD, linesOf, statementSample, type MethodAnswer, type ShownMethod } from '../payment-methods.ts';
import { openWorld, type Person, type World } from '../world.ts';

/* Statement files through the public door, at two gateways on one database. */

let world: World;
let ada: Person;
let bola: Person;
beforeAll(async () => {
  world = await openWorld({ gateways: 2 });
  ada = await world.register('Ada');
  bola = await world.register('Bola');
});
afterAll(() => world.close());

const CHECKING = statementSample('checking.ofx');
const MAX_BYTES = 768 * 1024;

async function connect(as: Person, statement: string, gateway = 0): Promise<MethodAnswer> {
  const { connectPaymentMethod } = await world.ask<{ connectPaymentMethod: MethodAnswer }>(
    `mutation ($input: ConnectPaymentMethodInput!) { connectPaymentMethod(input: $input) {
       paymentMethod { ${METHOD} } userErrors { code message field retryable } } }`,
    { input: { type: 'BANK_ACCOUNT', provider: 'statement', statement } },
    { as, gateway },
  );
  return connectPaymentMethod;
}

async function methodsOf(as: Person): Promise<ShownMethod[]> {
  const { me } = await world.ask<{ me: { paymentMethods: { edges: { node: ShownMethod }[] } } }>(
    `{ me { paymentMethods { edges { node { ${METHOD} } } } } }`,
    {},
    { as },
  );
  return me.paymentMethods.edges.map(({ node }) => node);
}

test('imported at two gateways at once they are one payment method, which another customer does not see', async () => {
  const answers = await Promise.all([0, 1, 0, 1].map((gateway) => connect(ada, CHECKING, gateway)));
  expect(answers.flatMap(({ userErrors }) => userErrors)).toEqual([]);
  const [method, ...others] = await methodsOf(ada);
  expect(others).toEqual([]);
  expect(answers.map(({ paymentMethod }) => paymentMethod)).toEqual(answers.map(() => method));
  expect(linesOf(method!)).toHaveLength(5);
  expect(await methodsOf(bola)).toEqual([]);
});

test('a file of exactly 768 KiB passes, one byte more is refused', async () => {
  const cleo = await world.register('Cleo');
  // What follows the end of the statement is passed over.
  const padded = (bytes: number) => CHECKING + ' '.repeat(bytes - Buffer.byteLength(CHECKING));
  const tooLarge = await connect(cleo, padded(MAX_BYTES + 1));
  expect(tooLarge).toMatchObject({ paymentMethod: null, userErrors: [{ code: 'STATEMENT_TOO_LARGE' }] });
  expect(await methodsOf(cleo)).toEqual([]);
  const largest = Array.from(
    { length: 5_000 },
    (_, n) => `<STMTTRN>\n<TRNTYPE>POS\n<DTPOSTED>20260101\n<TRNAMT>-1.25\n<FITID>L${n}\n<NAME>N${n}\n</STMTTRN>\n`,
  ).join('');
  const file = CHECKING.replace('</BANKTRANLIST>', `${largest}</BANKTRANLIST>`);
  const exact = file + ' '.repeat(MAX_BYTES - Buffer.byteLength(file));
  expect(Buffer.byteLength(exact)).toBe(MAX_BYTES);
  const { paymentMethod, userErrors } = await connect(cleo, exact);
  expect(userErrors).toEqual([]);
  expect(paymentMethod).toMatchObject({ balance: { amount: '1930.10' } });
});

test('a refusal is told with its line, and leaves nothing behind', async () => {
  const dayo = await world.register('Dayo');
  const { userErrors } = await connect(dayo, statementSample('refused/does-not-add-up.camt053.xml'));
  expect(userErrors).toEqual([
    {
      code: 'STATEMENT_BALANCE_MISMATCH',
      message: 'Line 13: the closing balance is 95.01 EUR, but the opening balance and what was booked make 95.00 EUR.',
      field: ['statement'],
      retryable: false,
    },
  ]);
  expect(await methodsOf(dayo)).toEqual([]);
});
