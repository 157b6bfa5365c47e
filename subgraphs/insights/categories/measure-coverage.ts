import { divideHalfEven } from '../../../platform/ratio.ts';
import { categoriseOutside } from './categorise.ts';
import type { Category } from './category.ts';
import { createRuleFinder, WORD_RULES } from './find-rule.ts';
import { findMcc } from './mcc.ts';

/** A merchant whose code is known. */
export interface KnownMerchant {
  name: string;
  /** ISO 18245, four digits. */
  code: string;
}

/** How many merchants get a category, and how many of them the one that follows from their code. */
export interface Coverage {
  merchants: number;
  covered: number;
  agreeing: number;
}

export interface CoverageReport {
  /** Brands and words: what a statement without codes gives. */
  byName: Coverage;
  /** Words alone: what is to be expected of merchants that nobody has thought of. */
  byWordsAlone: Coverage;
  /** With the code, as card statements give it. It disagrees where the code is vague and a brand says more. */
  withCode: Coverage;
  /** By name alone, by the category of the code, largest first. */
  categories: (Coverage & { category: Category })[];
  /** By name alone: no category, or another than the code's. */
  gaps: { name: string; code: string; expected: Category; found: Category | null; rule: string | null }[];
  /** Merchants whose code is in no range; they are not counted. */
  unknownCodes: KnownMerchant[];
}

const findByWordsAlone = createRuleFinder(WORD_RULES.filter(({ kind }) => kind === 'word'));

/** Compares what the rules say of merchants' names with what follows from their codes. */
export function measureCoverage(merchants: readonly KnownMerchant[]): CoverageReport {
  const known = merchants.flatMap(({ name, code }) => {
    const expected = findMcc(code)?.category;
    return expected ? [{ name, code, expected, byName: byName(name), withCode: byCode(name, code) }] : [];
  });
  const count = (found: (merchant: (typeof known)[number]) => Category | null, of = known): Coverage => ({
    merchants: of.length,
    covered: of.filter((merchant) => found(merchant) !== null).length,
    agreeing: of.filter((merchant) => found(merchant) === merchant.expected).length,
  });
  const expected = [...new Set(known.map((merchant) => merchant.expected))];
  return {
    byName: count((merchant) => merchant.byName.category),
    byWordsAlone: count(({ name }) => findByWordsAlone(name, 'out', 'merchant')?.category ?? null),
    withCode: count((merchant) => merchant.withCode),
    categories: expected
      .map((category) => ({
        category,
        ...count(
          (merchant) => merchant.byName.category,
          known.filter((merchant) => merchant.expected === category),
        ),
      }))
      .sort((a, b) => b.merchants - a.merchants || (a.category < b.category ? -1 : 1)),
    gaps: known
      .filter((merchant) => merchant.byName.category !== merchant.expected)
      .map(({ name, code, expected, byName: { category, rule } }) => ({ name, code, expected, found: category, rule })),
    unknownCodes: merchants.filter(({ code }) => !findMcc(code)),
  };
}

/** A part of a whole in per cent with one decimal, for people. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return '-';
  const tenths = divideHalfEven(BigInt(part) * 1000n, BigInt(whole));
  return `${tenths / 10n}.${tenths % 10n} %`;
}

function byName(name: string): { category: Category | null; rule: string | null } {
  const { category, rule } = paidTo(name, null);
  return rule === 'none' ? { category: null, rule: null } : { category, rule };
}

function byCode(name: string, code: string): Category {
  return paidTo(name, code).category;
}

function paidTo(name: string, merchantCategory: string | null) {
  return categoriseOutside({ direction: 'out', description: name, counterparty: null, merchantCategory });
}
