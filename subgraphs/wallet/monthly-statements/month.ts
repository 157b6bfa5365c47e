/** A calendar month in UTC: from is its first moment, to the first one after it. */
export interface Month {
  /** YYYY-MM. */
  name: string;
  from: Date;
  to: Date;
}

const MONTH = /^(\d{4})-(0[1-9]|1[0-2])$/;

/** The month of a text like 2026-10, or null. */
export function parseMonth(text: string): Month | null {
  const [, year, month] = MONTH.exec(text) ?? [];
  if (!year || !month) return null;
  // Date.UTC takes years below 100 for those of the last century; no account is that old either way.
  if (Number(year) < 1970) return null;
  const from = new Date(Date.UTC(Number(year), Number(month) - 1, 1));
  const to = new Date(Date.UTC(Number(year), Number(month), 1));
  return { name: text, from, to };
}

/** The last moment that belongs to the one before: postings are dated in whole milliseconds. */
export function justBefore(moment: Date): Date {
  return new Date(moment.getTime() - 1);
}
