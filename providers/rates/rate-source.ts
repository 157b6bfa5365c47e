/*
 * What the bank asks of whoever knows exchange rates. A source only says what it read: whether a day makes sense is judged by
 * portfolio (subgraphs/portfolio/check-rates.ts), the same for every source.
 */

/** One day of rates as a source gives it, not yet checked: any rate may be missing, absurd or no number at all. */
export interface RateSheet {
  /** The day it claims to be of; meant to be YYYY-MM-DD. */
  date: string;
  /** By currency code, upper case: how much one US dollar buys, as a plain decimal without exponent ("0.000012017405"). */
  perUsd: Readonly<Record<string, string>>;
  /** The same day as other currencies see it, by their code: how much one euro, one bitcoin buys. Must agree with `perUsd`. */
  crosses: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** A source of dated exchange rates. */
export interface RateSource {
  /** Says to people where a day is from, and which attempts belong together. */
  name: string;
  /** The currencies that it means to have: others are not missing from its days. Undefined: all of this bank's. */
  covers?: ReadonlySet<string>;
  /** The newest day it knows. Throws when it cannot be had; takes a few seconds at most, and less when the signal ends it. */
  read(signal?: AbortSignal): Promise<RateSheet>;
}
