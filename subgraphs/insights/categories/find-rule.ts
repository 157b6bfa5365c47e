import { groupBy } from '../../../platform/group-by.ts';
import { FOOD_BRANDS } from './brands/food.ts';
import { TRANSPORT_BRANDS } from './brands/getting-about.ts';
import { LEISURE_BRANDS } from './brands/leisure.ts';
import { SERVICE_BRANDS } from './brands/services.ts';
import { SHOP_BRANDS } from './brands/shops.ts';
import { TRAVEL_BRANDS } from './brands/travel.ts';
import type { Category } from './category.ts';
import { wordsOf } from './normalise.ts';
import type { Direction, WordRules } from './rules.ts';
import { SPENDING_WORDS } from './spending-words.ts';
import { DEPARTMENT_WORDS, INCOME_WORDS, MEANS_WORDS } from './words.ts';

/** One rule of the table, as it is looked up. */
export interface WordRule {
  kind: 'brand' | 'word';
  category: Category;
  /** As it is written in the table, without its anchor. */
  name: string;
  /** What has to stand in the text, in this order, without a gap. */
  words: readonly string[];
  anchor: 'anywhere' | 'beginning' | 'whole';
  /** Both ways when undefined. */
  direction: Direction | undefined;
  /** Of several rules that hold, the highest decides. */
  rank: number;
}

/** Who chose the words: a merchant's own name stands first, what a person writes may begin with anything. */
export type WrittenBy = 'merchant' | 'person';

/** Where a table stands among the others: what it says comes before all tables below it. */
const TABLES: readonly { kind: WordRule['kind']; tables: readonly (readonly WordRules[])[] }[] = [
  { kind: 'word', tables: [MEANS_WORDS] },
  { kind: 'word', tables: [SPENDING_WORDS] },
  {
    kind: 'brand',
    tables: [FOOD_BRANDS, TRANSPORT_BRANDS, TRAVEL_BRANDS, SHOP_BRANDS, LEISURE_BRANDS, SERVICE_BRANDS],
  },
  { kind: 'word', tables: [DEPARTMENT_WORDS] },
  // "WALMART PAYROLL" that comes in is a salary, whoever pays it.
  { kind: 'word', tables: [INCOME_WORDS] },
];

/** Every rule there is. */
export const WORD_RULES: readonly WordRule[] = TABLES.flatMap(({ kind, tables }, rank) =>
  tables.flat().flatMap(({ category, words, direction }) =>
    words.map((written) => ({
      kind,
      category,
      ...parseRule(written),
      direction,
      rank,
    })),
  ),
);

/** Looks a text up in rules. */
export type RuleFinder = (text: string, direction: Direction, writtenBy: WrittenBy) => WordRule | null;

/** The rule that decides about a text: of the highest rank, then the longest, then the first in the text; null for none. */
export const findWordRule: RuleFinder = createRuleFinder(WORD_RULES);

/** A finder for some rules. They are kept by first word, so that a text costs one look-up per word and not one per rule. */
export function createRuleFinder(rules: readonly WordRule[]): RuleFinder {
  const byFirstWord = groupBy(rules, ({ words }) => words[0]!);
  return (text, direction, writtenBy) => {
    const words = wordsOf(text);
    let best: WordRule | null = null;
    words.forEach((word, place) => {
      for (const rule of byFirstWord.get(word) ?? []) {
        if (rule.direction !== undefined && rule.direction !== direction) continue;
        if (best && compareRules(rule, best) <= 0) continue;
        if (holdsAt(rule, words, place, writtenBy)) best = rule;
      }
    });
    return best;
  };
}

function holdsAt({ words: wanted, anchor }: WordRule, words: readonly string[], place: number, by: WrittenBy): boolean {
  if (!wanted.every((word, index) => words[place + index] === word)) return false;
  if (anchor === 'anywhere') return true;
  if (place !== 0) return false;
  return anchor === 'beginning' && by === 'merchant' ? true : isWhole(words.slice(wanted.length));
}

/** Store numbers after a name do not make it another: "76 #4711". */
function isWhole(rest: readonly string[]): boolean {
  return rest.every((word) => /^[0-9]+$/.test(word));
}

function compareRules(a: WordRule, b: WordRule): number {
  return a.rank - b.rank || a.words.length - b.words.length;
}

function parseRule(written: string): Pick<WordRule, 'name' | 'words' | 'anchor'> {
  const name = written.replace(/^[\^=]/, '');
  const anchor = written.startsWith('^') ? 'beginning' : written.startsWith('=') ? 'whole' : 'anywhere';
  return { name, words: wordsOf(name), anchor };
}
