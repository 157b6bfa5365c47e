import type { Queryable } from '../../../platform/db.ts';
import { newId, type TransferId } from '../../../platform/ids.ts';
import { formatAmount } from '../../../platform/money.ts';
import { POLICY } from '../../../platform/policy.ts';
import { bookTold, exceptionalCharges, type ExceptionalCharge } from './booking-store.ts';
import { setExceptions, type ExceptionsChanged, type NewException } from './exception-store.ts';
import { matchLines, type Item, type Matching } from './match-lines.ts';
import {
  lastDayTold,
  openLines,
  openMovements,
  storeMatches,
  type Line,
  type Movement,
  type SettlementAccount,
} from './settlement-store.ts';

/** What came of it. */
export interface Reconciled extends ExceptionsChanged {
  matches: number;
  /** Transfers of which the provider has told what the books do not have. */
  toAsk: TransferId[];
}

/**
 * Brings what a provider has told of an account together with the books: books its charges and the bank's own money, matches lines and
 * movements, and makes exceptions of what does not fit. The caller holds the account's lock. Customers' money is not moved by it.
 */
export async function reconcileAccount(tx: Queryable, account: SettlementAccount): Promise<Reconciled> {
  await bookTold(tx, account);
  const [lines, movements] = [await openLines(tx, account), await openMovements(tx, account)];
  const matching = matchLines(lines, movements, POLICY.reconciliation.windowDays);
  const amounts = new Map(lines.map(({ id, amountMinor }) => [id, amountMinor]));
  await storeMatches(
    tx,
    account,
    matching.matches.map((match) => ({
      ...match,
      id: newId<TransferId>(),
      amountMinor: match.lines.reduce((sum, id) => sum + amounts.get(id)!, 0n),
    })),
  );
  const open = new Set([...matching.lines, ...matching.mismatches.flatMap(({ lines: theirs }) => theirs)]);
  const unfit = lines.filter((line) => open.has(line));
  const exceptions = await setExceptions(tx, account, [
    ...exceptionsOf(account, matching, new Map(lines.map((line) => [line.id, line]))),
    ...missingAtProvider(account, matching.movements, movements, await lastDayTold(tx, account)),
    ...chargesThatDiffer(account, await exceptionalCharges(tx, account)),
  ]);
  const toAsk = [...new Set(unfit.flatMap(({ transferId }) => transferId ?? []))].sort();
  return { matches: matching.matches.length, ...exceptions, toAsk };
}

/** What a provider has told and the books do not have, or have otherwise. Transfers under way are none: the books follow, or an alarm speaks. */
function exceptionsOf(
  { provider, currency }: SettlementAccount,
  { mismatches, lines }: Matching,
  known: ReadonlyMap<string, Line>,
): NewException[] {
  const isUnderWay = ({ id }: Item) => known.get(id)!.underWay;
  return [
    ...mismatches
      .filter(({ lines: theirs }) => !theirs.some(isUnderWay))
      .map(({ reference, lines: theirs, movements: ours }): NewException => ({
        id: newId<TransferId>(),
        kind: 'AMOUNT_MISMATCH',
        subject: reference,
        transferId: known.get(theirs[0]!.id)!.transferId,
        amountMinor: sum(theirs) - sum(ours),
        bookedOn: theirs[0]!.bookedOn,
        detail: `${provider} says ${inWords(sum(theirs), currency)}, the books say ${inWords(sum(ours), currency)}.`,
      })),
    ...lines
      .filter((line) => !isUnderWay(line))
      .map(({ id, amountMinor, bookedOn, reference }): NewException => ({
        id: newId<TransferId>(),
        kind: 'MISSING_IN_BOOKS',
        subject: id,
        transferId: known.get(id)!.transferId,
        amountMinor,
        bookedOn,
        detail: `${provider} has ${inWords(amountMinor, currency)} (line ${id}${reference ? `, ours ${reference}` : ''}), which the books do not have.`,
      })),
  ];
}

/** A movement is missing only once the provider has told of days well after it. */
function missingAtProvider(
  { provider, currency }: SettlementAccount,
  open: readonly Item[],
  known: readonly Movement[],
  lastDay: string | null,
): NewException[] {
  if (lastDay === null) return [];
  const latest = new Date(Date.parse(lastDay) - POLICY.reconciliation.graceDays * 86_400_000)
    .toISOString()
    .slice(0, 10);
  const transferOf = new Map(known.map(({ id, transferId }) => [id, transferId]));
  return open
    .filter(({ bookedOn }) => bookedOn <= latest)
    .map(({ id, amountMinor, bookedOn }) => ({
      id: newId<TransferId>(),
      kind: 'MISSING_AT_PROVIDER',
      subject: id,
      transferId: transferOf.get(id) ?? null,
      amountMinor: -amountMinor,
      bookedOn,
      detail: `The books have ${inWords(amountMinor, currency)} with ${provider}, which it has not told of.`,
    }));
}

function chargesThatDiffer(
  { provider, currency }: SettlementAccount,
  charges: readonly ExceptionalCharge[],
): NewException[] {
  return charges.map(({ entryId, subject, transferId, amountMinor, bookedOn }) => ({
    id: newId<TransferId>(),
    kind: 'CHARGE_DIFFERS',
    subject: entryId,
    transferId,
    amountMinor,
    bookedOn,
    detail: `${provider} took ${inWords(-amountMinor, currency)} for itself (${subject}) beyond what was to be expected. It is booked.`,
  }));
}

function sum(items: readonly Item[]): bigint {
  return items.reduce((total, { amountMinor }) => total + amountMinor, 0n);
}

function inWords(minor: bigint, currency: string): string {
  return `${formatAmount(minor, currency)} ${currency}`;
}
