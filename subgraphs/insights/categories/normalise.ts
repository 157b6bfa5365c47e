/*
 * What a merchant's text comes down to before rules look at it. Texts come from files and other people, so everything here
 * takes time in proportion to their length, and no more than MAX_CHARACTERS of them are looked at.
 */

const MAX_CHARACTERS = 300;

/** Who only passes payments on, as they stand before the merchant's name: "SQ *BLUE BOTTLE", "PAYPAL *SPOTIFY". */
const PASSED_ON_BY =
  /^\s*(?:sq|sqc|tst|paypal|pp|sp|py|gosq|sumup|zettle|iz|izettle|stripe|klarna|cko|adyen|wpy|dd|bt|fs|ck|eb|ic|google|goog|apl|msft|flw|paystack|pos debit|pos purchase|pos merchandise|debit card purchase|card purchase|checkcard|visa purchase|contactless)\s{0,3}[*;:]\s*/;

/**
 * The words of a text, in lower case without accents: letters and digits part from each other ("F45" is "f", "45"), apostrophes
 * vanish ("McDonald's" is "mcdonalds"), "&" is "and", "+" is "plus", everything else separates.
 */
export function wordsOf(text: string): string[] {
  const plain = text
    .slice(0, MAX_CHARACTERS)
    .normalize('NFKD')
    .slice(0, MAX_CHARACTERS)
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(PASSED_ON_BY, '')
    .replace(/['’‘`´]/g, '')
    .replaceAll('ß', 'ss')
    .replaceAll('ø', 'o')
    .replaceAll('ł', 'l')
    .replaceAll('&', ' and ')
    .replaceAll('+', ' plus ');
  return plain.match(/\p{L}+|[0-9]+/gu) ?? [];
}

/** How many words of a payee name it; what follow are towns and references. */
const NAMING_WORDS = 4;

/** They tell one rent from the next, but not who is paid. */
const MONTHS = new Set(
  `january february march april may june july august september october november december
   jan feb mar apr jun jul aug sep sept oct nov dec`.split(/\s+/),
);

/**
 * What two lines of one payee have in common: the first words of the text that are no dates or references, so that
 * "NETFLIX.COM 866-579" and "NETFLIX.COM 408-540" are one. Empty for a text without letters.
 */
export function payeeKey(text: string): string {
  const withoutNumbers = text
    .slice(0, MAX_CHARACTERS)
    .split(/\s+/)
    .filter((part) => !/[0-9]/.test(part))
    .join(' ');
  return wordsOf(withoutNumbers)
    .filter((word) => !MONTHS.has(word))
    .slice(0, NAMING_WORDS)
    .join(' ');
}
