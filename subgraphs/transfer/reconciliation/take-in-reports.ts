import { createHash } from 'node:crypto';
import type { Queryable } from '../../../platform/db.ts';
import { newId, type TransferId, type UserId } from '../../../platform/ids.ts';
import type { SettlementLine, SettlementReport } from '../../../providers/settlement/settlement-report.ts';
import { recordDeadLetter } from '../operations/dead-letter-store.ts';
import { enqueueAsking } from './ask-provider.ts';
import type { ExceptionsChanged } from './exception-store.ts';
import { readProofFigures, resultOf, storeProof, type StoredProof } from './proof-store.ts';
import { reconcileAccount } from './reconcile-account.ts';
import {
  lastDayTold,
  lockAccount,
  openMovements,
  storeLines,
  storeMatches,
  storeReport,
  type SettlementAccount,
} from './settlement-store.ts';

/** What came of one report. */
export interface ImportedReport extends ExceptionsChanged {
  currency: string;
  from: string;
  to: string;
  replayed: boolean;
  newLines: number;
  matches: number;
  proof: StoredProof | null;
}

/** The letter about a day that differs by more than what is open. */
export const SETTLEMENT_UNPROVED = 'SETTLEMENT_UNPROVED';

/** A report tells a line otherwise than an earlier one did: nothing of it is taken in. */
export class LineChangedError extends Error {
  override readonly name = 'LineChangedError';
  readonly lineId: string;

  constructor(lineId: string) {
    super(`line ${lineId} is told otherwise than an earlier report did`);
    this.lineId = lineId;
  }
}

/** Where reports come from. */
export interface ReportsOrigin {
  provider: string;
  /** Of all that came together. */
  contentHash: Buffer;
  /** Null: fetched by the bank itself. */
  importedBy: UserId | null;
}

/**
 * Takes in what a provider says, from whomever it comes: stores what is new, reconciles each account, asks the provider about payments that the
 * books do not have, and proves the last days. In the caller's transaction, in the order of the accounts, so that two never wait for each other.
 */
export async function takeInReports(
  tx: Queryable,
  reports: readonly SettlementReport[],
  origin: ReportsOrigin,
): Promise<ImportedReport[]> {
  const done: ImportedReport[] = [];
  for (const report of reports.toSorted((a, b) => (a.currency + a.to < b.currency + b.to ? -1 : 1))) {
    done.push(await takeIn(tx, report, origin));
  }
  return done;
}

async function takeIn(
  tx: Queryable,
  report: SettlementReport,
  { provider, contentHash, importedBy }: ReportsOrigin,
): Promise<ImportedReport> {
  const account: SettlementAccount = { provider, currency: report.currency };
  await lockAccount(tx, account);
  const isFirst = (await lastDayTold(tx, account)) === null;
  // A file may tell of one currency several times, once for each day.
  const hash = createHash('sha256').update(contentHash).update(`${report.from} ${report.to}`).digest();
  const stored = await storeReport(tx, account, report, { id: newId<TransferId>(), contentHash: hash, importedBy });
  if (isFirst && report.openingMinor !== null) await openAccount(tx, account, report, stored.id);
  const { added, changed } = await storeLines(tx, account, stored.id, report.lines);
  if (changed !== null) throw new LineChangedError(changed);
  const { toAsk, ...reconciled } = await reconcileAccount(tx, account);
  await enqueueAsking(tx, account, toAsk);
  return {
    currency: report.currency,
    from: report.from,
    to: report.to,
    replayed: !stored.isNew,
    newLines: added,
    ...reconciled,
    proof: report.closingMinor === null ? null : await prove(tx, account, report, stored.id),
  };
}

/**
 * With the first report of an account reconciliation begins. What lay there before is, as far as the books know it, what they say; the rest is
 * the bank's own money, and is booked as that.
 */
async function openAccount(
  tx: Queryable,
  account: SettlementAccount,
  { from, openingMinor }: SettlementReport,
  reportId: string,
): Promise<void> {
  const before = (await openMovements(tx, account)).filter(({ bookedOn }) => bookedOn < from);
  const known = before.reduce((sum, { amountMinor }) => sum + amountMinor, 0n);
  const line = (id: string, kind: SettlementLine['kind'], amountMinor: bigint): SettlementLine => ({
    id,
    kind,
    amountMinor,
    bookedOn: from,
    reference: null,
    description: 'What lay there before the first report.',
  });
  const lines = [
    line('opening balance', 'PAYMENT', known),
    line('opening balance, own funds', 'OWN_FUNDS', openingMinor! - known),
  ].filter(({ amountMinor }) => amountMinor !== 0n);
  await storeLines(tx, account, reportId, lines);
  if (before.length === 0) return;
  await storeMatches(tx, account, [
    {
      id: newId<TransferId>(),
      rule: 'OPENING',
      amountMinor: known,
      lines: known === 0n ? [] : ['opening balance'],
      movements: before.map(({ id }) => id),
    },
  ]);
}

async function prove(
  tx: Queryable,
  account: SettlementAccount,
  report: SettlementReport,
  reportId: string,
): Promise<StoredProof> {
  const figures = await readProofFigures(tx, account, report.to);
  const proof: StoredProof = { ...account, ...figures, day: report.to, theirsMinor: report.closingMinor! };
  await storeProof(tx, proof, reportId);
  if (resultOf(proof) === 'UNEXPLAINED') {
    const { provider, currency } = account;
    await recordDeadLetter(tx, {
      transferId: null,
      // One open letter for each account.
      kind: `${SETTLEMENT_UNPROVED}:${provider}:${currency}`,
      class: 'PERMANENT',
      severity: 'HIGH',
      reason: `Our account with ${provider} in ${currency} and its statement of ${report.to} differ by more than what is open.`,
      details: { provider, currency, day: report.to },
    });
  }
  return proof;
}
