import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { dayOf } from '../../platform/days.ts';
import { addDaysTo, addMonthsTo } from '../../subgraphs/insights/calendar.ts';
import { until } from '../until.ts';
import { openWorld, type Person, type World } from '../world.ts';

/* What a bank's own statement file comes to, through the public door: categories, sums and advice with lines of other subgraphs. */

let world: World;
let ada: Person;
let bola: Person;
beforeAll(async () => {
  world = await openWorld();
  ada = await world.register('Ada');
  bola = await world.register('Bola');
});
afterAll(() => world.close());

const TODAY = dayOf(new Date());
/** Paid ten days ago and in the five months before: due in some twenty days. */
const PAID = [0, -1, -2, -3, -4, -5].map((months) => addMonthsTo(addDaysTo(TODAY, -10), months)).reverse();

function statement(): string {
  const lines = PAID.flatMap((day, month) => [
    `<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>${day.replaceAll('-', '')}<TRNAMT>-1240.00<FITID>R${month}<NAME>HARBOUR VIEW APARTMENTS</STMTTRN>`,
    `<STMTTRN><TRNTYPE>POS<DTPOSTED>${day.replaceAll('-', '')}<TRNAMT>-63.18<FITID>G${month}<NAME>WHOLE FOODS MARKET #10233</STMTTRN>`,
  ]);
  return `OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:USASCII\nCHARSET:1252\nCOMPRESSION:NONE\nOLDFILEUID:NONE\nNEWFILEUID:NONE\n
<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><DTSERVER>20260101<LANGUAGE>ENG</SONRS></SIGNONMSGSRSV1>
<BANKMSGSRSV1><STMTTRNRS><TRNUID>1<STATUS><CODE>0<SEVERITY>INFO</STATUS><STMTRS><CURDEF>USD
<BANKACCTFROM><BANKID>021000001<ACCTID>0042<ACCTTYPE>CHECKING</BANKACCTFROM>
<BANKTRANLIST><DTSTART>${PAID[0]!.replaceAll('-', '')}<DTEND>${TODAY.replaceAll('-', '')}
${lines.join('\n')}
</BANKTRANLIST><LEDGERBAL><BALAMT>240.00<DTASOF>${TODAY.replaceAll('-', '')}</LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>`;
}

interface Seen {
  me: {
    insights: {
      spending: {
        total: { amount: string };
        categories: { category: string; count: number; total: { amount: string } }[];
        months: { month: string; total: { amount: string } }[];
      };
      items: {
        edges: { node: { id: string; kind: string; amount: { amount: string }; externalTransactions: unknown[] } }[];
      };
    };
  };
}

const SCREEN = `query ($from: Date!, $to: Date!) { me { insights {
  spending(from: $from, to: $to, currency: "USD") {
    total { amount } categories { category count total { amount } } months { month total { amount } } }
  items { edges { node { id kind amount { amount }
    transactions { id amount { amount } category }
    externalTransactions { description bookedOn amount { amount } category categorisation { rule } } } } } } } }`;

const see = (as: Person) => world.ask<Seen>(SCREEN, { from: PAID[0]!, to: TODAY }, { as });

test('a statement file becomes spending by category and month, and advice that names its lines', async () => {
  await world.ask(
    `mutation ($input: ConnectPaymentMethodInput!) { connectPaymentMethod(input: $input) { userErrors { code message } } }`,
    { input: { type: 'BANK_ACCOUNT', provider: 'statement', statement: statement() } },
    { as: ada },
  );
  // One screen may be read while the lines come in: then one part of it has them and the other not yet.
  const found = await until('spending and advice are found', async () => {
    const { insights } = (await see(ada)).me;
    return insights.items.edges.length > 2 && insights.spending.categories.length > 0 ? insights : null;
  });
  const { spending, items } = found!;
  expect(spending.total).toEqual({ amount: '7819.08' });
  expect(spending.categories).toEqual([
    { category: 'Housing', count: 6, total: { amount: '7440.00' } },
    { category: 'Groceries', count: 6, total: { amount: '379.08' } },
  ]);
  expect(spending.months.filter(({ total }) => total.amount !== '0.00')).toHaveLength(6);

  const byKind = (kind: string) => items.edges.map(({ node }) => node).filter((node) => node.kind === kind);
  const rent = byKind('RECURRING_PAYMENT').find(({ amount }) => amount.amount === '1240.00');
  expect(rent).toMatchObject({
    transactions: [],
    externalTransactions: [...PAID].reverse().map((bookedOn) => ({
      description: expect.stringContaining('HARBOUR VIEW APARTMENTS'),
      bookedOn,
      amount: { amount: '-1240.00' },
      category: 'Housing',
      categorisation: { rule: 'word apartments' },
    })),
  });
  // 240.00 are there; 1,240.00 and 63.18 are due before thirty days have passed.
  expect(byKind('LOW_BALANCE_FORECAST')).toMatchObject([{ amount: { amount: '1063.18' } }]);
  expect((await see(bola)).me.insights.items.edges).toEqual([]);
});

test('advice names lines of this bank by what wallet knows of them, and never another’s', async () => {
  const [from, to] = [await world.openAccount(ada, 'USD', '500.00'), await world.openAccount(bola)];
  for (let fee = 0; fee < 3; fee++) {
    const input = { amount: { amount: '5.00', currency: 'USD' }, description: 'Bank fee' };
    await world.transfer(ada, { ...input, source: { accountId: from }, destination: { accountId: to } });
  }
  const saving = await until('advice is found', async () => {
    const { items } = (await see(ada)).me.insights;
    return items.edges.map(({ node }) => node).find(({ kind }) => kind === 'SAVING_OPPORTUNITY') ?? null;
  });
  const line = { id: expect.any(String), amount: { amount: '-5.00' }, category: 'Fees' };
  expect(saving).toMatchObject({ amount: { amount: '15.00' }, transactions: [line, line, line] });
  expect((await see(bola)).me.insights.items.edges).toEqual([]);
});
