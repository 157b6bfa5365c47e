import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import { withTransaction, type Queryable } from '../../../platform/db.ts';
import { newId, type TransferId } from '../../../platform/ids.ts';
import { formatAmount } from '../../../platform/money.ts';
import { POLICY } from '../../../platform/policy.ts';
import { answerRefusals, Refusal, type UserError } from '../../../platform/refusal.ts';
import type { Viewer } from '../../../platform/viewer.ts';
import { readSettlementReports } from '../../../providers/settlement/read-settlement-report.ts';
import {
  UnreadableReportError,
  type SettlementFormat,
  type SettlementReport,
} from '../../../providers/settlement/settlement-report.ts';
import { recordDeadLetter } from '../operations/dead-letter-store.ts';
import { setExceptions, type ExceptionsChanged, type NewException } from './exception-store.ts';
import { matchLines, type Item, type Matching } from './match-lines.ts';
import { RECONCILIATION_REFUSALS, type ReconciliationRefusal } from './refusals.ts';
import {
  lockAccount,
  openLines,
  openMovements,
  readProofFigures,
  storeLines,
  storeMatches,
  storeProof,
  storeReport,
  type Movement,
  type SettlementAccount,
  type StoredProof,
} from './settlement-store.ts';

export interface ImportSettlementReportDeps {
  pool: Pool;
  wakeUp: { signal(): void };
  /** Whether this bank works with a provider of that name. */
  knowsProvider(name: string): boolean;
}

/** What came of one report of a file. */
export interface ImportedReport extends ExceptionsChanged {
  currency: string;
  from: string;
  to: string;
  replayed: boolean;
  newLines: number;
  matches: number;
  proof: StoredProof | null;
}

const MAX_BYTES = 768 * 1024;

/** The letter about a day that differs by more than what is open. */
export const SETTLEMENT_UNPROVED = 'SETTLEMENT_UNPROVED';

/**
 * Reads what a provider says, matches it with the books, opens and closes exceptions, and proves the last day; all of a file in one
 * transaction. Nothing of it moves money: what is wrong is staff's to put right.
 */
export function importSettlementReport(
  deps: ImportSettlementReportDeps,
  viewer: Viewer,
  { provider, format, content }: { provider: string; format: SettlementFormat; content: string },
): Promise<{ reports: ImportedReport[] | null; userErrors: UserError[] }> {
  return answerRefusals<{ reports: ImportedReport[] | null; userErrors: UserError[] }, ReconciliationRefusal>(
    RECONCILIATION_REFUSALS,
    async () => {
      if (!deps.knowsProvider(provider)) throw refuse('UNKNOWN_PROVIDER', ['provider']);
      if (Buffer.byteLength(content) > MAX_BYTES) throw refuse('SETTLEMENT_REPORT_TOO_LARGE', ['content']);
      const reports = read(format, content);
      const contentHash = createHash('sha256').update(content).digest();
      const imported = await withTransaction(deps.pool, async (tx) => {
        const done: ImportedReport[] = [];
        for (const report of reports) done.push(await importOne(tx, provider, report, { contentHash, viewer }));
        return done;
      });
      deps.wakeUp.signal();
      return { reports: imported, userErrors: [] };
    },
    (userErrors) => ({ reports: null, userErrors }),
  );
}

function refuse(code: ReconciliationRefusal, field?: readonly string[], explanation?: string): Refusal {
  return new Refusal(code, field, explanation);
}

/** In the order of their currencies, so that two imports lock accounts in one order. */
function read(format: SettlementFormat, content: string): SettlementReport[] {
  try {
    const reports = readSettlementReports(format, content);
    return reports.toSorted((a, b) => (a.currency + a.to < b.currency + b.to ? -1 : 1));
  } catch (error) {
    if (error instanceof UnreadableReportError)
      throw refuse('SETTLEMENT_REPORT_UNREADABLE', ['content'], `The report cannot be read: ${error.message}.`);
    throw error;
  }
}

async function importOne(
  tx: Queryable,
  provider: string,
  report: SettlementReport,
  { contentHash, viewer }: { contentHash: Buffer; viewer: Viewer },
): Promise<ImportedReport> {
  const account: SettlementAccount = { provider, currency: report.currency };
  await lockAccount(tx, account);
  // A file may tell of one currency several times, once for each day.
  const hash = createHash('sha256').update(contentHash).update(`${report.from} ${report.to}`).digest();
  const stored = await storeReport(tx, account, report, {
    id: newId<TransferId>(),
    contentHash: hash,
    importedBy: viewer.userId,
  });
  const { added, changed } = await storeLines(tx, account, stored.id, report.lines);
  if (changed !== null) {
    throw refuse(
      'SETTLEMENT_LINE_CHANGED',
      ['content'],
      `Line ${changed} is told otherwise than an earlier report did. Nothing was imported.`,
    );
  }
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
  const exceptions = await setExceptions(tx, account, exceptionsOf(account, matching, movements, report.to));
  return {
    currency: report.currency,
    from: report.from,
    to: report.to,
    replayed: !stored.isNew,
    newLines: added,
    matches: matching.matches.length,
    ...exceptions,
    proof: report.closingMinor === null ? null : await prove(tx, account, report, stored.id),
  };
}

/** A movement is missing only once the provider has told of days well after it. */
function exceptionsOf(
  { provider, currency }: SettlementAccount,
  { mismatches, lines, movements }: Matching,
  known: readonly Movement[],
  to: string,
): NewException[] {
  const latest = new Date(Date.parse(to) - POLICY.reconciliation.graceDays * 86_400_000).toISOString().slice(0, 10);
  const transferOf = new Map(known.map(({ id, transferId }) => [id, transferId]));
  const money = (minor: bigint) => `${formatAmount(minor, currency)} ${currency}`;
  const sum = (items: readonly Item[]) => items.reduce((total, { amountMinor }) => total + amountMinor, 0n);
  return [
    ...mismatches.map(({ reference, lines: theirs, movements: ours }): NewException => ({
      id: newId<TransferId>(),
      kind: 'AMOUNT_MISMATCH',
      subject: reference,
      transferId: transferOf.get(ours[0]!.id) ?? null,
      amountMinor: sum(theirs) - sum(ours),
      bookedOn: theirs[0]!.bookedOn,
      detail: `${provider} says ${money(sum(theirs))}, the books say ${money(sum(ours))}.`,
    })),
    ...lines.map(({ id, amountMinor, bookedOn, reference }): NewException => ({
      id: newId<TransferId>(),
      kind: 'MISSING_IN_BOOKS',
      subject: id,
      transferId: null,
      amountMinor,
      bookedOn,
      detail: `${provider} has ${money(amountMinor)} (line ${id}${reference ? `, our key ${reference}` : ''}), which the books do not have.`,
    })),
    ...movements
      .filter(({ bookedOn }) => bookedOn <= latest)
      .map(({ id, amountMinor, bookedOn }): NewException => ({
        id: newId<TransferId>(),
        kind: 'MISSING_AT_PROVIDER',
        subject: id,
        transferId: transferOf.get(id) ?? null,
        amountMinor: -amountMinor,
        bookedOn,
        detail: `The books have ${money(amountMinor)} with ${provider}, which it has not told of.`,
      })),
  ];
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

/** Theirs less ours. */
export function differenceOf({ theirsMinor, oursMinor }: StoredProof): bigint {
  return theirsMinor - oursMinor;
}

/** The part of the difference that open items are. */
export function explainedOf({ openLinesMinor, openMovementsMinor }: StoredProof): bigint {
  return openLinesMinor - openMovementsMinor;
}

/** How a day ended. */
export function resultOf(proof: StoredProof): 'PROVED' | 'EXPLAINED' | 'UNEXPLAINED' {
  const difference = differenceOf(proof);
  if (difference === 0n) return 'PROVED';
  return difference === explainedOf(proof) ? 'EXPLAINED' : 'UNEXPLAINED';
}
