import { newId, type AccountId, type PostingId } from '../platform/ids.ts';
import type { Leg, LineType } from './entry.ts';

/** Legs of many entries as the arrays that `ledger.post_batch` takes: element k of each belongs to leg k. */
export interface LegColumns {
  /** Number of the entry, counted from 1. */
  entry: number[];
  postingId: PostingId[];
  accountId: AccountId[];
  currency: string[];
  amount: string[];
  lineType: LineType[];
  counterparty: (string | null)[];
}

/** Lays out the legs of entries 1, 2, 3 … and gives each its posting id. */
export function toLegColumns(legsOfEntries: readonly (readonly Leg[])[]): LegColumns {
  const columns: LegColumns = {
    entry: [],
    postingId: [],
    accountId: [],
    currency: [],
    amount: [],
    lineType: [],
    counterparty: [],
  };
  for (const [index, legs] of legsOfEntries.entries()) {
    for (const leg of legs) {
      columns.entry.push(index + 1);
      columns.postingId.push(newId<PostingId>());
      columns.accountId.push(leg.accountId);
      columns.currency.push(leg.currency);
      columns.amount.push(leg.amountMinor.toString());
      columns.lineType.push(leg.lineType);
      columns.counterparty.push(leg.counterparty);
    }
  }
  return columns;
}

/** The arrays in the order of the function's parameters. */
export function legParameters(columns: LegColumns): unknown[] {
  const { entry, postingId, accountId, currency, amount, lineType, counterparty } = columns;
  return [
    arrayLiteral(entry),
    arrayLiteral(postingId),
    arrayLiteral(accountId),
    arrayLiteral(currency),
    arrayLiteral(amount),
    arrayLiteral(lineType),
    counterparty,
  ];
}

/**
 * A Postgres array of ids, digits and the like, which need no quotes: pg searches every element for what to escape, and that is
 * a good part of what a batch costs this process.
 */
export function arrayLiteral(values: readonly (string | number)[]): string {
  return `{${values.join(',')}}`;
}
