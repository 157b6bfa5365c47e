import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { renderStatement } from '../simulators/bankrail/reports.ts';
import { readSettlementReports } from './read-settlement-report.ts';
import { UnreadableReportError } from './settlement-report.ts';
import { parseSignedAmount } from './signed-amount.ts';

const KEY = '0123456789abcdef0123456789abcdef';

describe('an amount of a report', () => {
  test.each([
    ['-12.5', 'USD', -1250n],
    ['0', 'USD', 0n],
    ['+7.000', 'USD', 700n],
    ['5', 'JPY', 5n],
    ['5.0', 'JPY', 5n],
    ['1.234', 'KWD', 1234n],
  ])('%s %s is %s', (text, currency, minor) => expect(parseSignedAmount(text, currency)).toBe(minor));
  test.each([
    ['1.001', 'USD'],
    ['5.5', 'JPY'],
    ['1e3', 'USD'],
    ['', 'USD'],
    ['--1', 'USD'],
    ['1,5', 'USD'],
  ])('%s %s is none', (text, currency) => expect(parseSignedAmount(text, currency)).toBeNull());
});

const json = (change: object = {}) =>
  JSON.stringify({
    currency: 'USD',
    from: '2026-11-20',
    to: '2026-11-20',
    opening: '100.00',
    closing: '89.50',
    lines: [
      { id: 'a', bookedOn: '2026-11-20', amount: '-10.00', reference: KEY, description: 'Payout' },
      { id: 'b', bookedOn: '2026-11-20', amount: '-0.5', reference: 'theirs' },
    ],
    ...change,
  });

describe('a report in JSON', () => {
  test('is read line by line, and only our own keys are references', async () => {
    expect(await readSettlementReports('JSON', json())).toEqual([
      {
        currency: 'USD',
        from: '2026-11-20',
        to: '2026-11-20',
        openingMinor: 10_000n,
        closingMinor: 8_950n,
        lines: [
          {
            id: 'a',
            bookedOn: '2026-11-20',
            kind: 'PAYMENT',
            amountMinor: -1_000n,
            reference: KEY,
            description: 'Payout',
          },
          { id: 'b', bookedOn: '2026-11-20', kind: 'PAYMENT', amountMinor: -50n, reference: null, description: '' },
        ],
      },
    ]);
  });

  test.each([
    ['no JSON', 'nonsense', /no JSON/],
    ['an unknown currency', json({ currency: 'XYZ' }), /currency/],
    ['a closing balance that does not fit', json({ closing: '89.51' }), /does not add up/],
    [
      'a line of another day',
      json({ to: '2026-11-20', lines: [{ id: 'a', bookedOn: '2026-11-21', amount: '1' }], closing: null }),
      /2026-11-21/,
    ],
    [
      'two lines of one name',
      json({ closing: null, lines: [1, 2].map(() => ({ id: 'a', bookedOn: '2026-11-20', amount: '1' })) }),
      /same name/,
    ],
    [
      'an amount that is finer than the currency',
      json({ closing: null, lines: [{ id: 'a', bookedOn: '2026-11-20', amount: '1.001' }] }),
      /no amount/,
    ],
    ['days in the wrong order', json({ from: '2026-11-22', lines: [], closing: null }), /begins on/],
    ['no lines', JSON.stringify({ currency: 'USD' }), /from/],
  ])('with %s is not read', async (_what, text, why) => {
    const reading = readSettlementReports('JSON', text);
    await expect(reading).rejects.toThrow(UnreadableReportError);
    await expect(reading).rejects.toThrow(why);
  });
});

describe('a camt.053', () => {
  const at = Date.parse('2026-11-20T10:00:00Z');
  const record = {
    id: 1,
    reference: KEY,
    reason: null,
    fields: { iban: 'DE02120300000000202051', name: 'Ben', text: 'Rent', messageId: KEY },
  };
  const statement = (amounts: number[]) =>
    renderStatement({
      id: 'S1',
      iban: 'DE02120300000000202051',
      currency: 'EUR',
      from: Date.parse('2026-11-20T00:00:00Z'),
      to: Date.parse('2026-11-20T23:59:59Z'),
      openingMinor: 5_000n,
      // What the simulator keeps of a payment has more fields than its statement tells.
      bookings: amounts.map((amount) => ({ at, amountMinor: BigInt(amount), record })) as never,
    });

  test('of the bank rail is read with our keys, balances and signs', async () => {
    expect(await readSettlementReports('CAMT053', statement([-1_000, 1_000]))).toMatchObject([
      {
        currency: 'EUR',
        from: '2026-11-20',
        to: '2026-11-20',
        openingMinor: 5_000n,
        closingMinor: 5_000n,
        lines: [
          { amountMinor: -1_000n, reference: KEY, description: 'Rent' },
          { amountMinor: 1_000n, reference: KEY },
        ],
      },
    ]);
  });

  test.each([
    ['is no XML', '<Document>', /well-formed/],
    ['has a document type', '<!DOCTYPE x [<!ENTITY a "b">]><Document/>', /DOCTYPE/],
    [
      'is another message',
      '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"><A/></Document>',
      /no statement/,
    ],
    ['has a changed amount', statement([-1_000]).replaceAll('10.00', '10.01'), /add up/],
  ])('that %s is not read', async (_what, text, why) => {
    await expect(readSettlementReports('CAMT053', text)).rejects.toThrow(why);
  });

  const samples = '../shared/data/statements/camt053';
  (existsSync(samples) ? test : test.skip)('of a real bank is read (shared data)', async () => {
    const text = readFileSync(`${samples}/camt053.v2.multi.statement.xml`, 'utf8');
    const reports = await readSettlementReports('CAMT053', text);
    expect(reports.length).toBeGreaterThan(1);
    for (const { lines } of reports) expect(lines.every(({ amountMinor }) => amountMinor !== 0n)).toBe(true);
  });
});
