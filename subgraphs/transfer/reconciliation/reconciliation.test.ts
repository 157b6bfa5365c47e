import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { postEntry } from '../../../ledger/post.ts';
import { newId, type AccountId, type EntryId, type TransferId } from '../../../platform/ids.ts';
import { formatAmount } from '../../../platform/money.ts';
import { createScriptedCards } from '../../../tests/scripted-cards.ts';
import { openTransferWorld, type Customer, type TransferWorld } from '../../../tests/transfer-world.ts';
import { until } from '../../../tests/until.ts';

let world: TransferWorld;
let ada: Customer;
let staff: Customer;
let account: AccountId;
/** Each test has a currency of its own, and so an account of its own with the provider. */
let currency: string;
const CURRENCIES = ['EUR', 'USD', 'GBP', 'CHF', 'SEK', 'NOK', 'DKK', 'PLN', 'CZK', 'HUF', 'RON', 'BGN'];

beforeAll(async () => {
  world = await openTransferWorld({ cards: createScriptedCards() });
  ada = await world.customer('Ada');
  const kim = await world.customer('Kim');
  staff = { ...kim, viewer: { ...kim.viewer, roles: ['ADMIN'] } };
});
beforeEach(async () => {
  currency = CURRENCIES.pop()!;
  account = await world.account(ada, currency);
});
afterAll(async () => {
  try {
    await world.proveBooks();
  } finally {
    await world.close();
  }
});

/** Money that came in through Stripe: our account there grows by it. */
async function move(amountMinor: bigint): Promise<void> {
  const { rows } = await world.admin.query<{ id: AccountId }>(
    `SELECT ledger.system_account('SETTLEMENT', $1, 'stripe') AS id`,
    [currency],
  );
  const leg = { currency, lineType: 'DEPOSIT', counterparty: null } as const;
  const verdict = await postEntry(world.admin, {
    id: newId<EntryId>(),
    kind: 'FUNDING',
    transferId: null,
    description: null,
    legs: [
      { ...leg, accountId: rows[0]!.id, amountMinor: -amountMinor },
      { ...leg, accountId: account, amountMinor },
    ],
  });
  if (!verdict.posted) throw new Error(verdict.refusal);
}

/** A deposit from a card; the key under which Stripe knows it. */
async function deposit(amount: string): Promise<string> {
  const input = {
    idempotencyKey: `deposit-${currency}`,
    source: { paymentMethodId: await world.link(ada) },
    destination: { accountId: account },
    amount: { amount, currency },
  };
  const { data } = await world.execute(
    ada,
    'mutation ($input: CreateTransferInput!) { createTransfer(input: $input) { transfer { id } } }',
    { input },
  );
  const { id } = (data!['createTransfer'] as { transfer: { id: TransferId } }).transfer;
  await until('the deposit is credited', async () => (await world.balance(account)) > 0n);
  return id.replaceAll('-', '');
}

const day = (ahead: number) => new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10);
const today = day(0);
let names = 0;

interface Line {
  id?: string;
  amount: string;
  bookedOn?: string;
  reference?: string;
}

function report(lines: Line[], more: object = {}): string {
  const named = lines.map((line) => ({ id: `L${++names}`, bookedOn: today, ...line }));
  return JSON.stringify({ currency, from: day(-1), to: today, lines: named, ...more });
}

interface Imported {
  reports:
    | { replayed: boolean; newLines: number; matches: number; opened: number; closed: number; proof: object | null }[]
    | null;
  userErrors: { code: string; message: string }[];
}

async function importReport(content: string, as = staff, provider = 'stripe'): Promise<Imported> {
  const { data, errors } = await world.execute(
    as,
    `mutation ($input: ImportSettlementReportInput!) { importSettlementReport(input: $input) {
       reports { replayed newLines matches opened closed proof { result ours { amount } theirs { amount } difference { amount } } }
       userErrors { code message } } }`,
    { input: { provider, format: 'JSON', content } },
  );
  if (errors) throw new Error(String(errors[0]!.extensions['code']));
  return data!['importSettlementReport'] as Imported;
}

interface Shown {
  id: string;
  kind: string;
  amount: { amount: string };
  ageDays: number;
  closedAt: string | null;
  resolution: string | null;
}

async function exceptions(open: boolean | null = true): Promise<Shown[]> {
  const { data } = await world.execute(
    staff,
    `query ($open: Boolean) { reconciliationExceptions(open: $open, first: 100) { edges { node {
       id kind amount { amount currency } ageDays closedAt resolution } } } }`,
    { open },
  );
  const { edges } = data!['reconciliationExceptions'] as {
    edges: { node: Shown & { amount: { currency: string } } }[];
  };
  return edges.map(({ node }) => node).filter(({ amount }) => amount.currency === currency);
}

describe('a report', () => {
  test('that says what the books say is matched, and its day is proved', async () => {
    await move(10_000n);
    await move(2_550n);
    const content = report([{ amount: '100.00' }, { amount: '25.50' }], { opening: '0', closing: '125.50' });
    expect((await importReport(content)).reports).toEqual([
      {
        replayed: false,
        newLines: 2,
        matches: 2,
        opened: 0,
        closed: 0,
        proof: {
          result: 'PROVED',
          ours: { amount: '125.50' },
          theirs: { amount: '125.50' },
          difference: { amount: '0.00' },
        },
      },
    ]);
    expect(await exceptions()).toEqual([]);
  });

  test('that is imported again changes nothing, also by two people at the same moment', async () => {
    await move(500n);
    const content = report([{ amount: '5.00' }], { closing: '5.00' });
    const both = await Promise.all([importReport(content), importReport(content)]);
    expect(both.map(({ reports }) => reports![0]!.newLines).sort()).toEqual([0, 1]);
    expect(both.map(({ reports }) => reports![0]!.replayed).sort()).toEqual([false, true]);
    expect(both.map(({ reports }) => reports![0]!.matches).sort()).toEqual([0, 1]);
  });

  test('with a line that the books do not have opens an exception, and explains the difference', async () => {
    await move(1_000n);
    const content = report([{ amount: '10.00' }, { amount: '-0.30', id: 'fee' }], { closing: '9.70' });
    expect((await importReport(content)).reports).toMatchObject([
      { matches: 1, opened: 1, proof: { result: 'EXPLAINED', difference: { amount: '-0.30' } } },
    ]);
    expect(await exceptions()).toMatchObject([{ kind: 'MISSING_IN_BOOKS', amount: { amount: '-0.30' }, ageDays: 0 }]);
  });

  test('whose difference nothing explains is put before staff', async () => {
    await move(1_000n);
    const content = report([{ amount: '10.00' }], { closing: '11.00' });
    expect((await importReport(content)).reports).toMatchObject([{ proof: { result: 'UNEXPLAINED' } }]);
    const { rows } = await world.admin.query('SELECT severity FROM transfer.dead_letter WHERE kind = $1', [
      `SETTLEMENT_UNPROVED:stripe:${currency}`,
    ]);
    expect(rows).toEqual([{ severity: 'HIGH' }]);
  });

  test('that goes well beyond a movement without telling of it opens an exception, which a later report closes', async () => {
    await move(700n);
    await importReport(report([], { to: day(2) }));
    expect(await exceptions()).toEqual([]);
    expect((await importReport(report([], { to: day(3) }))).reports).toMatchObject([{ opened: 1 }]);
    expect(await exceptions()).toMatchObject([{ kind: 'MISSING_AT_PROVIDER', amount: { amount: '-7.00' } }]);
    const late = report([{ amount: '7.00', bookedOn: day(4) }], { to: day(4) });
    expect((await importReport(late)).reports).toMatchObject([{ matches: 1, closed: 1 }]);
    expect(await exceptions()).toEqual([]);
    expect(await exceptions(false)).toMatchObject([{ resolution: 'It fits now.' }]);
  });

  test('that tells a known line otherwise is refused whole', async () => {
    await importReport(report([{ id: 'same', amount: '1.00' }]));
    const changed = report([
      { id: 'new', amount: '2.00' },
      { id: 'same', amount: '1.01' },
    ]);
    expect(await importReport(changed)).toMatchObject({
      reports: null,
      userErrors: [{ code: 'SETTLEMENT_LINE_CHANGED' }],
    });
    const { rows } = await world.admin.query(`SELECT line_id FROM transfer.settlement_line WHERE currency = $1`, [
      currency,
    ]);
    expect(rows).toEqual([{ line_id: 'same' }]);
  });

  test.each([
    ['cannot be read', () => 'nonsense', 'stripe', 'SETTLEMENT_REPORT_UNREADABLE'],
    [
      'does not add up',
      () => report([{ amount: '1.00' }], { opening: '0', closing: '2.00' }),
      'stripe',
      'SETTLEMENT_REPORT_UNREADABLE',
    ],
    ['is of nobody', () => report([]), 'nobody', 'UNKNOWN_PROVIDER'],
    ['is too large', () => ' '.repeat(768 * 1024 + 1), 'stripe', 'SETTLEMENT_REPORT_TOO_LARGE'],
  ])('that %s is refused', async (_what, content, provider, code) => {
    expect(await importReport(content(), staff, provider)).toMatchObject({ reports: null, userErrors: [{ code }] });
    // These need no currency of their own.
    CURRENCIES.push(currency);
  });

  test('is staff’s to import, and so are exceptions and proofs to read', async () => {
    await expect(importReport(report([]), ada)).rejects.toThrow('FORBIDDEN');
    for (const field of ['reconciliationExceptions', 'settlementProofs']) {
      const { errors } = await world.execute(ada, `{ ${field} { edges { cursor } } }`);
      expect(errors![0]!.extensions['code']).toBe('FORBIDDEN');
    }
  });
});

describe('an exception', () => {
  test('that staff has closed is opened again when it is about another amount', async () => {
    const reference = await deposit('10.00');
    await importReport(report([{ amount: '9.80', reference, id: 'first' }]));
    const [found] = await exceptions();
    expect(found).toMatchObject({ kind: 'AMOUNT_MISMATCH', amount: { amount: '-0.20' } });
    await importReport(report([{ amount: '-0.10', reference, id: 'second' }]));
    expect(await exceptions()).toMatchObject([{ id: found!.id, amount: { amount: '-0.30' } }]);
    await world.execute(
      staff,
      `mutation ($id: ID!) { resolveReconciliationException(id: $id, resolution: "Fee") { userErrors { code } } }`,
      { id: found!.id },
    );
    expect((await importReport(report([]))).reports).toMatchObject([{ opened: 0 }]);
    expect((await importReport(report([{ amount: '-500.00', reference, id: 'third' }]))).reports).toMatchObject([
      { opened: 1 },
    ]);
    expect(await exceptions()).toMatchObject([{ kind: 'AMOUNT_MISMATCH', amount: { amount: '-500.30' } }]);
  });

  test('is closed by staff once, with what was found, and not opened again', async () => {
    const content = report([{ id: 'charge', amount: formatAmount(-1n, currency) }]);
    await importReport(content);
    const [found] = await exceptions();
    const close = async (resolution: string, id = found!.id) => {
      const { data } = await world.execute(
        staff,
        `mutation ($id: ID!, $resolution: String!) { resolveReconciliationException(id: $id, resolution: $resolution) {
           exception { closedAt resolution } userErrors { code } } }`,
        { id, resolution },
      );
      return data!['resolveReconciliationException'];
    };
    expect(await close(' ')).toMatchObject({ userErrors: [{ code: 'INVALID_RESOLUTION' }] });
    expect(await close('x', newId<TransferId>())).toMatchObject({ userErrors: [{ code: 'EXCEPTION_NOT_FOUND' }] });
    expect(await close('The bank’s own fee.')).toMatchObject({
      exception: { resolution: 'The bank’s own fee.' },
      userErrors: [],
    });
    expect(await close('again')).toMatchObject({ userErrors: [{ code: 'EXCEPTION_CLOSED' }] });
    expect((await importReport(content)).reports).toMatchObject([{ opened: 0 }]);
    expect(await exceptions()).toEqual([]);
  });
});
