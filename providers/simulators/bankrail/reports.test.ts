import { describe, expect, test } from '@jest/globals';
import { newId, type TransferId } from '../../../platform/ids.ts';
import { CURRENCIES, isAsset } from '../../../platform/money.ts';
import { faultsOf } from '../../../tests/iso20022.ts';
import type { PayoutRecord, Status } from '../payouts/book.ts';
import { bookingOf, renderStatement, renderStatusReport, type PaymentFields } from './reports.ts';

/* What the simulated bank sends is what a real one could send: valid by the schemas of the standard. */

const AT = Date.parse('2026-11-20T10:00:00Z');
const IBAN = 'DE02120300000000202051';

interface Of extends Partial<PaymentFields> {
  currency?: string;
  amountMinor?: bigint;
  reason?: string | null;
}

function record(status: Status, { currency = 'EUR', amountMinor = 1n, reason = null, ...more }: Of = {}): PayoutRecord {
  const key = newId<TransferId>().replaceAll('-', '');
  const fields: PaymentFields = {
    messageId: key,
    instructionId: key,
    iban: IBAN,
    name: 'Ada',
    text: null,
    fileName: `${key}.xml`,
    file: '',
    ...more,
  };
  const amounts = { amountMinor: String(amountMinor), feeMinor: '0', currency };
  return { id: 999_999_999, reference: key, ...amounts, status, reason, createdAt: AT, updatedAt: AT, next: null, fields: { ...fields } }; // prettier-ignore
}

const LONG = { name: '😀'.repeat(140), text: '<&>"'.repeat(35), instructionId: 'x'.repeat(35) };
const RECORDS: PayoutRecord[] = (['SUCCEEDED', 'REVERSED'] as const).flatMap((status) => [
  record(status),
  record(status, { ...LONG, amountMinor: 10n ** 18n - 1n, reason: 'AC06' }),
  record(status, { name: '', text: null, instructionId: null, reason: 'what no code is' }),
]);

function statementOf(records: readonly PayoutRecord[], { currency = 'EUR', openingMinor = 0n } = {}): string {
  const bookings = records.map((one) => bookingOf({ at: AT, record: one })!);
  return renderStatement({ id: 'STMT-2026-11-20-EUR', iban: IBAN, currency, from: AT, to: AT, openingMinor, bookings });
}

describe('the simulated bank sends valid messages', () => {
  test('about every status', async () => {
    const statuses = (['TAKEN', 'PROCESSING', 'SUCCEEDED', 'FAILED', 'REVERSED'] as const).flatMap((status) => [
      record(status, { reason: status === 'FAILED' ? 'AM04' : null }),
      record(status, { ...LONG, reason: 'Settled by hand.' }),
      record(status, { instructionId: null }),
    ]);
    expect(await faultsOf(...statuses.map((one) => renderStatusReport('STS-1', { at: AT, record: one })))).toEqual([]);
  });

  test('about its account, without entries, with all kinds of them, and below zero', async () => {
    const texts = [
      statementOf([]),
      statementOf(RECORDS.slice(0, 1)),
      statementOf(RECORDS, { openingMinor: 1n }),
      statementOf([], { openingMinor: -5n }),
    ];
    expect(await faultsOf(...texts)).toEqual([]);
  });

  test('in every currency that states issue', async () => {
    const currencies = [...CURRENCIES.keys()].filter((code) => !isAsset(code));
    const texts = currencies.map((currency) => statementOf([record('SUCCEEDED', { currency })], { currency }));
    expect(await faultsOf(...texts)).toEqual([]);
  });

  test.each([
    ['an empty name', '<Nm>Ada</Nm>', '<Nm></Nm>'],
    ['a missing direction', '<CdtDbtInd>DBIT</CdtDbtInd>', ''],
    ['two statuses', '<Sts>', '<Sts><Prtry>x</Prtry>'],
  ])('and %s would be seen', async (_what, right, wrong) => {
    const text = statementOf(RECORDS.slice(0, 1));
    expect(text).toContain(right);
    expect(await faultsOf(text.replace(right, wrong))).not.toEqual([]);
  });
});
