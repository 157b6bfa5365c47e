import type { BalanceChange, EventPayloads } from '../../platform/events.ts';
import { categoriseInside, categoriseOutside } from './categories/categorise.ts';
import { OWN_MONEY, type Categorisation } from './categories/category.ts';
import { payeeKey } from './categories/normalise.ts';
import type { Direction } from './categories/rules.ts';

/** What insights keeps of every line, wherever it is from. */
export interface CategorisedLine extends Categorisation {
  ownerId: string;
  currency: string;
  /** Signed: negative leaves the account. */
  amountMinor: bigint;
  /** From one pocket of the customer's into another: neither spent nor earned. */
  ownMoney: boolean;
  /** Equal for lines with the same other end; empty when the line does not name one. */
  payee: string;
  counterparty: string | null;
}

/** A statement line of this bank. */
export interface Movement extends CategorisedLine {
  postingId: string;
  accountId: string;
  lineType: string;
  description: string | null;
  at: string;
}

/** A line of an outside account. */
export interface ExternalLine extends CategorisedLine {
  externalTransactionId: string;
  paymentMethodId: string;
  description: string;
  merchantCategory: string | null;
  /** YYYY-MM-DD. */
  bookedOn: string;
}

/** They are spent or earned, also when they come with a transfer between own accounts. */
const NEVER_BETWEEN: ReadonlySet<string> = new Set(['FEE', 'INTEREST']);

/** The statement lines of one entry. A hold moves nothing and is none. */
export function movementsOf(changes: readonly BalanceChange[]): Movement[] {
  return changes.flatMap((change) => {
    const { postingId, lineType, ownerId, accountId, currency, counterparty, description, at } = change;
    if (postingId === null || lineType === null) return [];
    const amountMinor = BigInt(change.amountMinor);
    const betweenOwnAccounts =
      !NEVER_BETWEEN.has(lineType) &&
      changes.some((other) => other.ownerId === ownerId && other.accountId !== accountId);
    const found = categoriseInside({ direction: directionOf(amountMinor), lineType, betweenOwnAccounts, description });
    return [
      {
        ...{ postingId, ownerId, accountId, currency, amountMinor, lineType, description, counterparty, at },
        ...found,
        ownMoney: betweenOwnAccounts || OWN_MONEY.has(found.category),
        payee: payeeKey(counterparty ?? description ?? ''),
      },
    ];
  });
}

/** The lines of one import. */
export function externalLinesOf(imported: EventPayloads['ExternalTransactionsImported']): ExternalLine[] {
  const { paymentMethodId, ownerId, currency, lines } = imported;
  return lines.map(({ amountMinor: digits, ...line }) => {
    const amountMinor = BigInt(digits);
    const { brand, ...found } = categoriseOutside({ direction: directionOf(amountMinor), ...line });
    return {
      ...{ paymentMethodId, ownerId, currency, amountMinor, ...line, ...found },
      ownMoney: OWN_MONEY.has(found.category),
      payee: brand?.replace(/\.com$/, '') ?? (payeeKey(line.counterparty ?? '') || payeeKey(line.description)),
    };
  });
}

function directionOf(amountMinor: bigint): Direction {
  return amountMinor < 0n ? 'out' : 'in';
}
