import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { createEcbFileRates, parseEcb } from './ecb-rates.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'ecb-'));
afterAll(() => rmSync(folder, { recursive: true }));

const CSV = `Date,USD,JPY,CYP,GBP,
2023-05-11,1.093,146.54,N/A,0.86795,
2023-05-12,1.0892,147.02,N/A,0.8702,
2023-05-10,1.0993,148.7,0.5,0.86995,
`;
const XML = `<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
  <gesmes:subject>Reference rates</gesmes:subject>
  <gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender>
  <Cube>
    <Cube time='2023-05-12'>
      <Cube currency='USD' rate='1.0892'/>
      <Cube currency='JPY' rate='147.02'/>
      <Cube currency='GBP' rate='0.8702'/>
    </Cube>
  </Cube>
</gesmes:Envelope>`;

/** What 12 May 2023 comes to: 147.02 / 1.0892 = 134.97980168931… */
const DAY = {
  date: '2023-05-12',
  perUsd: { USD: '1', EUR: '0.918105031215571', JPY: '134.9798016893133', GBP: '0.7989349981637899' },
  crosses: {},
};

describe('the euro reference rates', () => {
  test('of the history are those of its newest day, wherever it stands', () => {
    expect(parseEcb(CSV)).toEqual(DAY);
    expect(parseEcb(CSV.replaceAll('\n', '\r\n'))).toEqual(DAY);
  });

  test('of the daily file are the same, and so of one with many days', () => {
    expect(parseEcb(XML)).toEqual(DAY);
    const older = `<Cube time="2023-05-11"><Cube currency="USD" rate="1.093"/></Cube>`;
    expect(parseEcb(XML.replace('</Cube>\n  </Cube>', `</Cube>${older}</Cube>`))).toEqual(DAY);
  });

  test('pass on what is no rate, for the checks to name it', () => {
    expect(parseEcb(CSV.replace('0.8702', 'oops')).perUsd['GBP']).toBe('oops');
    expect(parseEcb(XML.replace('147.02', '-1')).perUsd['JPY']).toBe('-1');
  });

  test.each([
    ['nothing', '', /first column/],
    ['another table', 'a,b\n1,2\n', /first column is not "Date"/],
    ['a header alone', 'Date,USD,\n', /has 0 rates, the header 1/],
    [
      'a row cut off',
      CSV.replace('2023-05-12,1.0892,147.02,N/A,0.8702,', '2023-05-12,1.0892'),
      /has 1 rates, the header 4/,
    ],
    ['a day without the dollar', CSV.replace('1.0892', 'N/A'), /none of the US dollar/],
    ['a dollar for nothing', CSV.replace('1.0892', '0'), /none of the US dollar/],
    ['a cut-off XML file', XML.slice(0, 500), /no well-formed XML/],
    ['another XML file', '<a><b c="d"/></a>', /it has no day/],
  ])('cannot be read from %s', (_, text, message) => {
    expect(() => parseEcb(text)).toThrow(message);
  });

  test('of a file are read anew each time, and are of the currencies that the ECB has', async () => {
    const file = path.join(folder, 'eurofxref-hist.csv');
    const source = createEcbFileRates(file);
    await expect(source.read()).rejects.toThrow(/ENOENT/);
    writeFileSync(file, CSV);
    expect(await source.read()).toEqual(DAY);
    writeFileSync(file, `${CSV}2023-05-15,1.09,147,N/A,0.87,\n`);
    expect((await source.read()).date).toBe('2023-05-15');
    expect(source.name).toBe('ECB eurofxref-hist.csv');
    expect([source.covers!.has('CHF'), source.covers!.has('BTC')]).toEqual([true, false]);
  });
});

const REAL = path.resolve('../shared/data/fx/ecb-eurofxref-hist-to-2023-05-12.csv');

// Skipped where ../shared/data is absent.
(existsSync(REAL) ? describe : describe.skip)('the real history of the ECB', () => {
  test('ends on 12 May 2023, with thirty currencies and the lev', async () => {
    const source = createEcbFileRates(REAL);
    const { date, perUsd } = await source.read();
    expect(date).toBe('2023-05-12');
    expect(perUsd['JPY']).toBe('134.9798016893133');
    expect(Object.keys(perUsd).filter((code) => !source.covers!.has(code))).toEqual(['BGN']);
    expect([...source.covers!].filter((code) => perUsd[code] === undefined)).toEqual([]);
  });

  test('can be read as of every day since 1999', () => {
    const [header, ...rows] = readFileSync(REAL, 'utf8').trim().split('\n');
    const days = rows.map((row) => parseEcb(`${header}\n${row}\n`));
    expect(days).toHaveLength(6_239);
    expect(days.at(-1)!.date).toBe('1999-01-04');
    const numbers = days.flatMap(({ perUsd }) => Object.values(perUsd));
    // Plain decimals all of them.
    expect(numbers.filter((rate) => !/^(0|[1-9]\d*)(\.\d*[1-9])?$/.test(rate))).toEqual([]);
  });
});
