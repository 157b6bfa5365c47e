import { OWN_MONEY, type Categorisation, type Category } from './category.ts';
import { findWordRule, type WordRule, type WrittenBy } from './find-rule.ts';
import { findMcc } from './mcc.ts';
import type { Direction } from './rules.ts';

/**
 * How sure each kind of evidence is, in per cent. Set by judgement and checked against the merchants with a known code: what is
 * found by a brand agrees with the code more often than what is found by a word (see the README).
 */
export const CONFIDENCE = {
  /** The bank's own books say what a line is. */
  line: 100,
  /** The merchant's code and its name say the same. */
  agreed: 98,
  code: 90,
  vagueCode: 60,
  brand: 90,
  word: 70,
  /** Something that a merchant sells comes in: money back, most likely. */
  refund: 60,
  none: 0,
} as const;

/** What comes in under these is no refund: a friend pays, shares are sold, a loan is paid out, a claim is settled. */
const BOTH_WAYS: ReadonlySet<Category> = new Set<Category>([
  'Transfers',
  'Investments',
  'Loans',
  'Insurance',
  'Gambling',
]);
/** What words say of what comes in is true for these. */
const INCOME: ReadonlySet<Category> = new Set<Category>([
  'Salary',
  'Benefits',
  'Dividends',
  'Interest',
  'Refunds',
  'Deposits',
  'Withdrawals',
]);

/** A line of an outside account. */
export interface OutsideLine {
  direction: Direction;
  description: string;
  counterparty: string | null;
  merchantCategory: string | null;
}

/** The category of an outside line: by the merchant's code, else by brands and words in its texts. */
export function categoriseOutside(line: OutsideLine): Categorisation & { brand: string | null } {
  const { direction, description, counterparty, merchantCategory } = line;
  const named = bestOf([counterparty ?? '', description], direction, 'merchant');
  const brand = named?.kind === 'brand' ? named.name : null;
  const found = fromCode(merchantCategory, named) ?? (named && fromRule(named));
  if (!found) return { ...nothing(direction), brand };
  return { ...(direction === 'in' ? asIncome(found, named) : found), brand };
}

/** A statement line of this bank. */
export interface InsideLine {
  direction: Direction;
  /** The graph's TransactionType. */
  lineType: string;
  /** Between the customer's own accounts. */
  betweenOwnAccounts: boolean;
  description: string | null;
}

/** What a line of a type is for, where the type says it. */
const LINE_TYPES: Readonly<Record<string, Record<Direction, Category>>> = {
  DEPOSIT: { in: 'Deposits', out: 'Deposits' },
  WITHDRAWAL: { in: 'Withdrawals', out: 'Withdrawals' },
  EXCHANGE: { in: 'Exchange', out: 'Exchange' },
  FEE: { in: 'Refunds', out: 'Fees' },
  REVERSAL: { in: 'Reversals', out: 'Reversals' },
  INTEREST: { in: 'Interest', out: 'Fees' },
};

/**
 * The category of a line of this bank: by its type; between people, by what the sender wrote. The other end's name does not
 * count, because people have names such as Hilton. What comes from another person is a transfer unless the words name an income.
 */
export function categoriseInside({ direction, lineType, betweenOwnAccounts, description }: InsideLine): Categorisation {
  const byType = (category: Category) => ({ category, rule: `line ${lineType}`, confidencePercent: CONFIDENCE.line });
  const known = LINE_TYPES[lineType]?.[direction];
  if (known) return byType(known);
  if (lineType !== 'TRANSFER_IN' && lineType !== 'TRANSFER_OUT') return nothing(direction);
  if (betweenOwnAccounts) return byType('Transfers');
  const named = bestOf([description ?? ''], direction, 'person');
  // Whether money is the customer's own is not for the sender's words to say.
  if (!named || OWN_MONEY.has(named.category)) return byType('Transfers');
  return direction === 'out' || INCOME.has(named.category) ? fromRule(named) : byType('Transfers');
}

function bestOf(texts: readonly string[], direction: Direction, writtenBy: WrittenBy): WordRule | null {
  return texts.reduce<WordRule | null>((best, text) => {
    const found = findWordRule(text, direction, writtenBy);
    return found && (!best || found.rank > best.rank) ? found : best;
  }, null);
}

function fromRule({ kind, name, category }: WordRule): Categorisation {
  return { category, rule: `${kind} ${name}`, confidencePercent: CONFIDENCE[kind] };
}

function fromCode(code: string | null, named: WordRule | null): Categorisation | null {
  const mcc = findMcc(code);
  if (!mcc) return null;
  if (mcc.category === named?.category) {
    const rule = `mcc ${code!} and ${named.kind} ${named.name}`;
    return { category: mcc.category, rule, confidencePercent: CONFIDENCE.agreed };
  }
  if (mcc.vague && named?.kind === 'brand') return fromRule(named);
  const confidencePercent = mcc.vague ? CONFIDENCE.vagueCode : CONFIDENCE.code;
  return { category: mcc.category, rule: `mcc ${code!}`, confidencePercent };
}

/** What comes in is an income its words name, else (from whom things are bought) a refund. */
function asIncome(found: Categorisation, named: WordRule | null): Categorisation {
  if (named && INCOME.has(named.category)) return fromRule(named);
  if (BOTH_WAYS.has(found.category)) return found;
  return { category: 'Refunds', rule: found.rule, confidencePercent: CONFIDENCE.refund };
}

function nothing(direction: Direction): Categorisation {
  const category = direction === 'in' ? 'Other income' : 'Other';
  return { category, rule: 'none', confidencePercent: CONFIDENCE.none };
}
