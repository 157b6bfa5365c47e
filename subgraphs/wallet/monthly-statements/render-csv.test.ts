import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { statementOf } from '../../../tests/monthly-statements.ts';
import { viewerFor } from '../../../tests/one-subgraph.ts';
import { readCsv } from '../../../tests/read-csv.ts';
import { startWalletWorld, type WalletWorld } from '../../../tests/wallet-world.ts';

let world: WalletWorld;
beforeAll(async () => {
  world = await startWalletWorld();
});
afterAll(() => world.close());

/** The document of this month of an account with one line for each pair of words. */
async function csvOf(words: readonly { description: string; counterparty: string | null }[]): Promise<string> {
  const viewer = viewerFor();
  const accountId = await world.open(viewer.userId);
  await world.post(...words.map((line, index) => ({ accountId, amountMinor: BigInt(index + 1), ...line })));
  await world.post({ accountId, amountMinor: -1n, lineType: 'FEE' });
  const month = new Date().toISOString().slice(0, 7);
  const { asCsv } = await statementOf(world, viewer, { accountId, month });
  expect(asCsv.contentType).toBe('text/csv; charset=utf-8; header=present');
  return asCsv.text;
}

describe('a statement as CSV', () => {
  test('has one header line, CRLF at each end, and one row for each line', async () => {
    const text = await csvOf([{ description: 'Lunch', counterparty: 'Ben' }]);
    const lines = text.split('\r\n');
    expect(lines).toHaveLength(4);
    expect(lines.at(-1)).toBe('');
    expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
    const [, lunch, fee] = readCsv(text);
    expect(lunch!.slice(1, 7)).toEqual(['DEPOSIT', '0.01', 'USD', '0.01', 'Lunch', 'Ben']);
    // An amount below zero is a number and no formula.
    expect(fee!.slice(1, 7)).toEqual(['FEE', '-0.01', 'USD', '0.00', 'Fee', '']);
  });

  test('keeps commas, quotes, line breaks and foreign letters as they are', async () => {
    const words = [
      { description: 'a, b', counterparty: 'says "no"' },
      { description: 'two\nlines\r\nor three', counterparty: '""' },
      { description: '日本 😀 é', counterparty: ',' },
    ];
    const rows = readCsv(await csvOf(words));
    expect(rows.slice(1, 4).map((row) => [row[5], row[6]])).toEqual(words.map((line) => Object.values(line)));
    expect(rows.every((row) => row.length === 8)).toBe(true);
  });

  test.each(['=1+1', '+44 20', '-2+3', '@SUM(A1)', '\t=1', '\r=1', ' =1', '＝1', '=HYPERLINK("http://x","y")'])(
    'gives no formula to a spreadsheet: %j',
    async (words) => {
      const [, row] = readCsv(await csvOf([{ description: words, counterparty: words }]));
      expect([row![5], row![6]]).toEqual([`'${words}`, `'${words}`]);
    },
  );

  test.each(["'quoted", '1-2', 'a=b', 'me@home', ''])('leaves alone what is none: %j', async (words) => {
    const [, row] = readCsv(await csvOf([{ description: `x${words}`, counterparty: words }]));
    expect([row![5], row![6]]).toEqual([`x${words}`, words]);
  });
});
