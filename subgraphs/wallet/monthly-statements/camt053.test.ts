import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { faultsOf } from '../../../tests/iso20022.ts';
import { askStatement, statementOf } from '../../../tests/monthly-statements.ts';
import { viewerFor } from '../../../tests/one-subgraph.ts';
import { startWalletWorld, type TestPosting, type WalletWorld } from '../../../tests/wallet-world.ts';
import { readStatement } from '../statements/read-statement.ts';

/*
 * Statements as CAMT.053: what validates, and what the bank's own reader of other banks' files makes of them. The schema is the part of
 * camt.053.001.08 that is used here, written after the standard.
 */

let world: WalletWorld;
beforeAll(async () => {
  world = await startWalletWorld();
});
afterAll(() => world.close());

/** September's statement of an account with these lines, and the account. */
async function september(lines: readonly Omit<TestPosting, 'accountId'>[], currency = 'EUR') {
  const viewer = viewerFor();
  const accountId = await world.open(viewer.userId, currency);
  for (const line of lines) await world.post({ accountId, currency, ...line });
  const start = Date.UTC(2026, 8, 1);
  const moments = lines.map((_line, index) => new Date(start + index * 60_000));
  await world.backdate(accountId, new Date(Date.UTC(2026, 7, 20)), moments);
  return { viewer, accountId };
}

async function camtOf(lines: readonly Omit<TestPosting, 'accountId'>[], currency?: string): Promise<string> {
  const { viewer, accountId } = await september(lines, currency);
  const { asCamt053 } = await statementOf(world, viewer, { accountId, month: '2026-09' });
  return asCamt053!.text;
}

const LINES: readonly Omit<TestPosting, 'accountId'>[] = [
  { amountMinor: 250_000n, description: 'Salary September', counterparty: 'Acme & Sons <Ltd>' },
  { amountMinor: -4_250n, lineType: 'TRANSFER_OUT', description: 'Lunch "at Joe’s"', counterparty: 'Ben' },
  { amountMinor: -50n, lineType: 'FEE' },
  { amountMinor: 4_250n, lineType: 'REVERSAL', counterparty: 'Ben' },
  { amountMinor: -1n, lineType: 'REVERSAL', counterparty: 'Acme' },
  { amountMinor: 12n, lineType: 'INTEREST' },
  { amountMinor: -7n, lineType: 'INTEREST' },
  { amountMinor: -99_999n, lineType: 'EXCHANGE', description: 'Exchange to USD' },
  { amountMinor: -10_000n, description: '日本 😀 \u{10FFFE}', counterparty: '' },
];

describe('a statement as CAMT.053', () => {
  test('is valid for every kind of line, and for none', async () => {
    expect(await faultsOf(await camtOf(LINES))).toEqual([]);
    expect(await faultsOf(await camtOf([]))).toEqual([]);
  });

  test('is valid at the longest texts and the largest sums', async () => {
    const long = { description: '€'.repeat(140), counterparty: '😀'.repeat(140) };
    const text = await camtOf([{ amountMinor: 10n ** 18n - 1n, ...long }]);
    expect(await faultsOf(text)).toEqual([]);
    expect(text).toContain('<Amt Ccy="EUR">9999999999999999.99</Amt>');
  });

  test('is seen to be wrong by the schema when an element is out of place, missing or malformed', async () => {
    const text = await camtOf(LINES);
    for (const [right, wrong] of [
      ['<Sts><Cd>BOOK</Cd></Sts>', ''],
      ['<CdtDbtInd>CRDT</CdtDbtInd>', '<CdtDbtInd>PLUS</CdtDbtInd>'],
      ['<Amt Ccy="EUR">2500.00</Amt>', '<Amt Ccy="EUR">-2500.00</Amt>'],
      ['<Amt Ccy="EUR">2500.00</Amt>', '<Amt>2500.00</Amt>'],
      ['<Ccy>EUR</Ccy>', '<Nm>x</Nm><Ccy>EUR</Ccy>'],
    ] as const) {
      expect(text).toContain(right);
      expect(await faultsOf(text.replace(right, wrong))).not.toEqual([]);
    }
  });

  test('is read as what it was written from', async () => {
    const { viewer, accountId } = await september(LINES);
    const shown = await statementOf(world, viewer, { accountId, month: '2026-09' });
    const read = await readStatement(shown.asCamt053!.text, new Date());
    expect(read.currency).toBe('EUR');
    expect(read.balanceMinor).toBe(BigInt(shown.closing.amount.replace('.', '')));
    expect(read.asOf.toISOString().slice(0, 10)).toBe('2026-09-30');
    expect(read.lines.map(({ amountMinor }) => amountMinor)).toEqual(LINES.map(({ amountMinor }) => amountMinor));
    expect(read.lines.map(({ counterparty, bookedOn }) => [counterparty, bookedOn])).toEqual(
      LINES.map(({ counterparty }) => [counterparty ? counterparty : null, '2026-09-01']),
    );
    expect(read.lines.map(({ description }) => description)).toEqual([
      'Salary September',
      'Lunch "at Joe’s"',
      'Fee',
      'Reversal',
      'Reversal',
      'Interest',
      'Interest',
      'Exchange to USD',
      expect.stringContaining('日本 😀'),
    ]);
  });

  test('tells each direction by CRDT and DBIT and each amount without a sign', async () => {
    const text = await camtOf([{ amountMinor: 300n }, { amountMinor: -100n }]);
    const entries = [...text.matchAll(/<Ntry><Amt Ccy="EUR">([^<]*)<\/Amt><CdtDbtInd>(\w+)<\/CdtDbtInd>/g)];
    expect(entries.map(([, amount, direction]) => [amount, direction])).toEqual([
      ['3.00', 'CRDT'],
      ['1.00', 'DBIT'],
    ]);
    expect(text).toContain('<TtlNtries><NbOfNtries>2</NbOfNtries><Sum>4.00</Sum>');
    expect(text).toContain('<TtlNetNtry><Amt>2.00</Amt><CdtDbtInd>CRDT</CdtDbtInd></TtlNetNtry>');
    expect(text).toContain('<TtlCdtNtries><Sum>3.00</Sum></TtlCdtNtries><TtlDbtNtries><Sum>1.00</Sum></TtlDbtNtries>');
  });

  test('of an overdrawn account has a DBIT balance', async () => {
    const { viewer, accountId } = await september([]);
    const admin = viewerFor(undefined, ['ADMIN']);
    await world.execute(`mutation { setOverdraft(accountId: "${accountId}", amount: "5") { userErrors { code } } }`, {
      viewer: admin,
    });
    await world.post({ accountId, currency: 'EUR', amountMinor: -200n });
    const moment = new Date(Date.UTC(2026, 8, 2));
    await world.backdate(accountId, moment, [moment, moment]);
    const { asCamt053 } = await statementOf(world, viewer, { accountId, month: '2026-09' });
    expect(asCamt053!.text).toMatch(/<Cd>CLBD<\/Cd><\/CdOrPrtry><\/Tp><Amt Ccy="EUR">2.00<\/Amt><CdtDbtInd>DBIT</);
    expect(await faultsOf(asCamt053!.text)).toEqual([]);
    expect((await readStatement(asCamt053!.text, new Date())).balanceMinor).toBe(-200n);
  });

  test.each([
    ['JPY', '<Amt Ccy="JPY">5</Amt>'],
    ['KWD', '<Amt Ccy="KWD">0.005</Amt>'],
  ])('in %s has its decimals', async (currency, amount) => {
    const text = await camtOf([{ amountMinor: 5n }], currency);
    expect(text).toContain(amount);
    expect(await faultsOf(text)).toEqual([]);
  });

  test.each(['ETH', 'BTC', 'USDC'])(
    'is not to be had in %s, which has no place there; JSON and CSV are',
    async (currency) => {
      const { viewer, accountId } = await september([{ amountMinor: 10n ** 18n + 1n }], currency);
      const { data, errors } = await askStatement(world, viewer, { accountId, month: '2026-09' });
      expect(errors.map(({ code }) => code)).toEqual(['STATEMENT_NOT_IN_CAMT053']);
      const { asCamt053, asJson, asCsv, closing } = data.account.statement!;
      expect(asCamt053).toBeNull();
      expect(JSON.parse(asJson.text)).toMatchObject({ closing: closing.amount });
      expect(asCsv.text).toContain(closing.amount);
    },
  );

  test('is not to be had for sums beyond its 18 digits', async () => {
    const { viewer, accountId } = await september([{ amountMinor: 10n ** 18n }]);
    const { errors } = await askStatement(world, viewer, { accountId, month: '2026-09' });
    expect(errors.map(({ code }) => code)).toEqual(['STATEMENT_NOT_IN_CAMT053']);
  });

  test('of a month that goes on is valid too', async () => {
    const viewer = viewerFor();
    const accountId = await world.open(viewer.userId, 'EUR');
    await world.post({ accountId, currency: 'EUR', amountMinor: 100n });
    const month = new Date().toISOString().slice(0, 7);
    const { asCamt053 } = await statementOf(world, viewer, { accountId, month });
    expect(await faultsOf(asCamt053!.text)).toEqual([]);
  });
});
