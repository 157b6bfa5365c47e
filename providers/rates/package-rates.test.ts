import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { embeddedRates } from './embedded-rates.ts';
import { createPackageRates } from './package-rates.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'rates-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A package of given files; its absolute path does for its name. */
function packageOf(name: string, files: Record<string, string>) {
  const root = path.join(folder, name);
  mkdirSync(path.join(root, 'v1/currencies'), { recursive: true });
  for (const [file, text] of Object.entries(files)) writeFileSync(path.join(root, 'v1/currencies', file), text);
  return createPackageRates(root);
}

const base = (code: string, rates: object, date = '2026-01-31') => JSON.stringify({ date, [code]: rates });
const FILES = {
  'usd.json': base('usd', { eur: 0.9, btc: 1e-7, jpy: 157.47729333, ngn: null, kes: '129', '1inch': 9.9 }),
  'eur.json': base('eur', { usd: 1.1 }),
  'btc.json': base('btc', { usd: 10000000 }),
};

describe('the rates of a package', () => {
  test('are plain decimals by upper-case code, with the view of the euro and of bitcoin beside them', async () => {
    expect(await packageOf('good', FILES).read()).toEqual({
      date: '2026-01-31',
      perUsd: { EUR: '0.9', BTC: '0.0000001', JPY: '157.47729333', NGN: 'null', KES: '129', '1INCH': '9.9' },
      crosses: { EUR: { USD: '1.1' }, BTC: { USD: '10000000' } },
    });
  });

  test('are read anew each time', async () => {
    const source = packageOf('updated', FILES);
    expect((await source.read()).perUsd['EUR']).toBe('0.9');
    packageOf('updated', { ...FILES, 'usd.json': base('usd', { eur: 0.8 }) });
    expect((await source.read()).perUsd['EUR']).toBe('0.8');
  });

  test.each([
    ['cut short', { ...FILES, 'usd.json': FILES['usd.json'].slice(0, 30) }, /JSON/],
    ['of another form', { ...FILES, 'usd.json': '[]' }, /usd.json has not the form/],
    ['without a date', { ...FILES, 'usd.json': '{"usd": {}}' }, /has not the form/],
    ['of a list of rates', { ...FILES, 'usd.json': '{"date": "2026-01-31", "usd": []}' }, /has not the form/],
    [
      'of two days',
      { ...FILES, 'btc.json': base('btc', {}, '2026-01-30') },
      /mixes the days 2026-01-31 and 2026-01-30/,
    ],
  ])('cannot be had from a file %s', async (name, files, message) => {
    await expect(packageOf(name.replaceAll(' ', '-'), files).read()).rejects.toThrow(message);
  });

  test('cannot be had from a package that is not there', async () => {
    await expect(createPackageRates('currency-api-2019-01-01').read()).rejects.toThrow(/currency-api-2019-01-01/);
  });
});

describe('the rates that come with the bank', () => {
  test('are those of two days, the earlier one first', async () => {
    const [first, second] = await Promise.all(embeddedRates().map((source) => source.read()));
    expect(first!.date < second!.date).toBe(true);
  });
});
