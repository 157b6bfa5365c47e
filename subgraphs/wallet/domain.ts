import type { LineType } from '../../ledger/entry.ts';
import type { StatementLine } from '../../ledger/statement.ts';
import { isCurrency } from '../../platform/money.ts';
import type { AccountKind, BalanceChange } from '../../platform/events.ts';
import type { PostingId } from '../../platform/ids.ts';
import { parseLabel } from '../../platform/label.ts';
import { Refusal } from '../../platform/refusal.ts';
import type { BalanceParent, TransactionParent } from './graph-types.ts';
import type { WalletRefusal } from './refusals.ts';

/** So many accounts one customer may open; nobody needs more, and lists of them stay short. */
export const MAX_ACCOUNTS = 100;
const NAME_MAX_CHARACTERS = 80;

/** What openAccount takes; a kind of null is PERSONAL. */
export interface OpenAccountInput {
  currency: string;
  name: string;
  kind?: AccountKind | null;
}

/** Checks what a new account is to be; refuses the first thing that is wrong. */
export function parseOpenAccount(input: OpenAccountInput): { currency: string; name: string; kind: AccountKind } {
  const { currency, kind } = input;
  if (!isCurrency(currency)) throw new Refusal<WalletRefusal>('UNSUPPORTED_CURRENCY', ['currency']);
  const name = parseLabel(input.name, NAME_MAX_CHARACTERS);
  if (!name) throw new Refusal<WalletRefusal>('INVALID_ACCOUNT_NAME', ['name']);
  return { currency, name, kind: kind ?? 'PERSONAL' };
}

/** What stands on a statement where the entry itself says nothing. */
const DESCRIPTIONS: Record<LineType, string> = {
  DEPOSIT: 'Deposit',
  WITHDRAWAL: 'Withdrawal',
  TRANSFER_IN: 'Transfer received',
  TRANSFER_OUT: 'Transfer sent',
  EXCHANGE: 'Exchange',
  FEE: 'Fee',
  REVERSAL: 'Reversal',
  INTEREST: 'Interest',
};

/** A line of the ledger as the customer reads it. */
export function toTransaction(line: StatementLine): TransactionParent {
  const { id, lineType, currency, amountMinor, balanceAfterMinor, counterparty, at } = line;
  const description = line.description ?? DESCRIPTIONS[lineType];
  return { id, type: lineType, currency, amountMinor, balanceAfterMinor, description, counterparty, createdAt: at };
}

/** The balance that an event tells of. */
export function balanceOfChange(change: BalanceChange): BalanceParent {
  return {
    accountId: change.accountId,
    currency: change.currency,
    postedMinor: BigInt(change.posted),
    heldMinor: BigInt(change.held),
    overdraftMinor: BigInt(change.overdraft),
    version: change.version,
    at: new Date(change.at),
  };
}

/** The statement line that an event tells of; null when a hold or the overdraft changed. */
export function transactionOfChange(change: BalanceChange): TransactionParent | null {
  return change.postingId === null ? null : toPostedTransaction(change, change.postingId);
}

function toPostedTransaction(change: BalanceChange, id: PostingId): TransactionParent {
  // The ledger writes a line type with every posting, and its table allows no other than these.
  const type = change.lineType as LineType;
  return {
    id,
    type,
    currency: change.currency,
    amountMinor: BigInt(change.amountMinor),
    balanceAfterMinor: BigInt(change.posted),
    description: change.description ?? DESCRIPTIONS[type],
    counterparty: change.counterparty,
    createdAt: new Date(change.at),
  };
}
