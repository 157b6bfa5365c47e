import type { Category } from './category.ts';

/** Which way money goes for a rule to hold. */
export type Direction = 'in' | 'out';

/**
 * Words that put a line into a category. Each is written as people write it; case, accents and punctuation do not count
 * (normalise.ts). "^word" holds only at the beginning of the text and "=word" only for the whole text: for names that are
 * also everyday words or first names, such as Target or Max.
 */
export interface WordRules {
  category: Category;
  words: readonly string[];
  /** Both ways unless given. */
  direction?: Direction;
}

/** Rules from words separated by commas. */
export function rules(category: Category, words: string, direction?: Direction): WordRules {
  return {
    category,
    words: words
      .split(',')
      .map((word) => word.trim())
      .filter((word) => word !== ''),
    ...(direction && { direction }),
  };
}
