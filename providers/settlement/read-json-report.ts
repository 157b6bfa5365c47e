import { z } from 'zod';
import { isCurrency } from '../../platform/money.ts';
import { keyOf } from '../payout-key.ts';
import { checkReport, UnreadableReportError, type SettlementReport } from './settlement-report.ts';
import { parseSignedAmount } from './signed-amount.ts';

const amount = z.string().max(64);
const day = z.iso.date();
const reportSchema = z.object({
  currency: z.string().refine(isCurrency, { error: 'is no currency of this bank' }),
  from: day,
  to: day,
  opening: amount.nullish(),
  closing: amount.nullish(),
  lines: z
    .array(
      z.object({
        id: z.string().min(1).max(200),
        bookedOn: day,
        kind: z.enum(['PAYMENT', 'CHARGE', 'OWN_FUNDS']).default('PAYMENT'),
        amount,
        reference: z.string().max(200).nullish(),
        description: z.string().max(500).default(''),
      }),
    )
    .max(100_000),
});

/**
 * The bank's own plain form, for providers whose exports are tables: one report or a list of them, amounts in major units as strings,
 * signed (plus is ours with the provider). `reference` is what the provider was given as our key.
 */
export function readJsonReports(text: string): SettlementReport[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new UnreadableReportError('this is no JSON');
  }
  const read = z
    .union([reportSchema.transform((one) => [one]), z.array(reportSchema).min(1).max(200)])
    .safeParse(parsed);
  if (!read.success) {
    const { path, message } = (Array.isArray(parsed) ? z.array(reportSchema) : reportSchema).safeParse(parsed).error
      ?.issues[0] ?? {
      path: [],
      message: 'there is no report in it',
    };
    throw new UnreadableReportError(`${path.join('.') || 'the report'}: ${message}`);
  }
  return read.data.map(({ currency, from, to, opening, closing, lines }) => {
    const minor = (value: string, where: string): bigint => {
      const parsedAmount = parseSignedAmount(value, currency);
      if (parsedAmount === null)
        throw new UnreadableReportError(`${where}: "${value.slice(0, 40)}" is no amount in ${currency}`);
      return parsedAmount;
    };
    return checkReport({
      currency,
      from,
      to,
      openingMinor: opening ? minor(opening, 'opening') : null,
      closingMinor: closing ? minor(closing, 'closing') : null,
      lines: lines.map(({ id, bookedOn, kind, amount: value, reference, description }) => ({
        id,
        bookedOn,
        kind,
        amountMinor: minor(value, `line ${id}`),
        reference: keyOf(reference ?? null),
        description,
      })),
    });
  });
}
