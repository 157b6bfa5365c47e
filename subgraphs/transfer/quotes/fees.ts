import { z } from 'zod';
import { formatAmount, type Money } from '../../../platform/money.ts';
import { POLICY } from '../../../platform/policy.ts';
import { divideHalfEven } from '../../../platform/ratio.ts';
import type { Offer } from '../../../providers/payout-provider.ts';
import type { Preference } from '../../../providers/registry.ts';
import type { TransferType } from '../generated/resolvers.ts';

/*
 * What a transfer costs, line by line, without any outside. The rules are data (POLICY.fees); a line says which rule made it
 * and of what, so that anybody can work it out again. Every line is rounded by itself, half to even, and the fee is their sum:
 * so the lines always add up to what is charged. A line that comes to nothing is left out.
 */

/** Whom a fee is for: the bank, the provider, the rail behind it, the checks, or the choice to be fast. */
export type FeeTier = 'PLATFORM' | 'PROVIDER' | 'NETWORK' | 'COMPLIANCE' | 'PREMIUM';

/** One line of what a transfer costs, in the currency of its amount. */
export interface FeeLine {
  tier: FeeTier;
  /** The rule's name, which stays: for example "platform.external". */
  rule: string;
  /** For a person: "0.50 % of 100.00 USD". */
  basis: string;
  amountMinor: bigint;
}

/** A part of the amount that the bank takes. */
export interface FeeRule {
  name: string;
  tier: Exclude<FeeTier, 'PROVIDER' | 'NETWORK'>;
  types: readonly TransferType[];
  /** Only with this preference; null: with any. */
  preference: Preference | null;
  /** Hundredths of a per cent of the amount. */
  basisPoints: bigint;
  /** Never nothing: what would be rounded to zero is one minor unit. */
  leastOneUnit: boolean;
  /** Minor units by currency; a currency that is not named has no such bound. */
  atLeast: Readonly<Record<string, bigint>>;
  atMost: Readonly<Record<string, bigint>>;
}

/** What is to be paid for. */
export interface FeeInput {
  type: TransferType;
  amount: Money;
  /** Of the provider that carries it; null for what stays inside the bank. */
  offer: Offer | null;
  preference: Preference;
}

/** What a transfer costs: INTERNAL, DEPOSIT and EXCHANGE nothing, since no rule names them. */
export function feeLines(input: FeeInput, rules: readonly FeeRule[] = POLICY.fees.rules): FeeLine[] {
  const own = rules.filter((rule) => applies(rule, input)).map((rule) => lineOf(rule, input.amount));
  const lines = [...own, ...offerLines(input)].filter(({ amountMinor }) => amountMinor > 0n);
  return lines.sort((a, b) => TIERS.indexOf(a.tier) - TIERS.indexOf(b.tier));
}

/** What lines come to. */
export function totalFees(lines: readonly FeeLine[]): bigint {
  return lines.reduce((sum, { amountMinor }) => sum + amountMinor, 0n);
}

/** The order in which lines are told. */
const TIERS: readonly FeeTier[] = ['PLATFORM', 'PROVIDER', 'NETWORK', 'COMPLIANCE', 'PREMIUM'];

function applies({ types, preference }: FeeRule, input: FeeInput): boolean {
  return types.includes(input.type) && (preference === null || preference === input.preference);
}

const BASIS_POINTS = 10_000n;

function lineOf(rule: FeeRule, amount: Money): FeeLine {
  const { amountMinor, currency } = amount;
  const part = divideHalfEven(amountMinor * rule.basisPoints, BASIS_POINTS);
  const least = rule.atLeast[currency] ?? (rule.leastOneUnit ? 1n : 0n);
  const most = rule.atMost[currency];
  const of = `${percent(rule.basisPoints)} % of ${written(amountMinor, currency)}`;
  const line = (minor: bigint, basis: string): FeeLine => ({
    tier: rule.tier,
    rule: rule.name,
    basis,
    amountMinor: minor,
  });
  if (part < least) return line(least, `${of}, at least ${written(least, currency)}`);
  if (most !== undefined && part > most) return line(most, `${of}, at most ${written(most, currency)}`);
  return line(part, of);
}

/** What the provider asks is passed on as it is. */
function offerLines({ amount, offer }: FeeInput): FeeLine[] {
  if (!offer) return [];
  const { providerFeeMinor, networkFeeMinor } = offer;
  if (providerFeeMinor < 0n || networkFeeMinor < 0n) throw new Error('a provider that pays for being used');
  const paid = written(amount.amountMinor, amount.currency);
  return [
    {
      tier: 'PROVIDER',
      rule: 'provider.offer',
      basis: `the provider's price for ${paid}`,
      amountMinor: providerFeeMinor,
    },
    { tier: 'NETWORK', rule: 'network.offer', basis: `the network's price for ${paid}`, amountMinor: networkFeeMinor },
  ];
}

function written(amountMinor: bigint, currency: string): string {
  return `${formatAmount(amountMinor, currency)} ${currency}`;
}

/** Basis points as per cent: 50n is "0.50". */
function percent(basisPoints: bigint): string {
  return `${basisPoints / 100n}.${(basisPoints % 100n).toString().padStart(2, '0')}`;
}

/** Lines as they are stored (transfer.fee_lines, quote.fee_lines). */
export function writeFeeLines(lines: readonly FeeLine[]): string {
  return JSON.stringify(lines.map((line) => ({ ...line, amountMinor: line.amountMinor.toString() })));
}

const storedLines = z.array(
  z.object({
    tier: z.enum(['PLATFORM', 'PROVIDER', 'NETWORK', 'COMPLIANCE', 'PREMIUM']),
    rule: z.string(),
    basis: z.string(),
    amountMinor: z
      .string()
      .regex(/^[0-9]+$/)
      .transform(BigInt),
  }),
);

/** Lines from the value of such a column. */
export function readFeeLines(stored: unknown): FeeLine[] {
  return storedLines.parse(stored);
}
