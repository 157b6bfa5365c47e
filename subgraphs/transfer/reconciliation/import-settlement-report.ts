import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import { withTransaction } from '../../../platform/db.ts';
import { answerRefusals, Refusal, type UserError } from '../../../platform/refusal.ts';
import type { Viewer } from '../../../platform/viewer.ts';
import { readSettlementReports } from '../../../providers/settlement/read-settlement-report.ts';
import {
  UnreadableReportError,
  type SettlementFormat,
  type SettlementReport,
} from '../../../providers/settlement/settlement-report.ts';
import { RECONCILIATION_REFUSALS, type ReconciliationRefusal } from './refusals.ts';
import { LineChangedError, takeInReports, type ImportedReport } from './take-in-reports.ts';

export interface ImportSettlementReportDeps {
  pool: Pool;
  wakeUp: { signal(): void };
  /** Whether this bank works with a provider of that name. */
  knowsProvider(name: string): boolean;
}

const MAX_BYTES = 768 * 1024;

/** Reads what a provider says in a file, and takes it in: all of it in one transaction, or nothing. */
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
      const reports = await read(format, content);
      const contentHash = createHash('sha256').update(content).digest();
      const imported = await withTransaction(deps.pool, (tx) =>
        takeInReports(tx, reports, { provider, contentHash, importedBy: viewer.userId }),
      ).catch((error: unknown) => {
        throw error instanceof LineChangedError ? lineChanged(error) : error;
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

function lineChanged({ lineId }: LineChangedError): Refusal {
  const explanation = `Line ${lineId} is told otherwise than an earlier report did. Nothing was imported.`;
  return refuse('SETTLEMENT_LINE_CHANGED', ['content'], explanation);
}

async function read(format: SettlementFormat, content: string): Promise<SettlementReport[]> {
  try {
    return await readSettlementReports(format, content);
  } catch (error) {
    if (error instanceof UnreadableReportError)
      throw refuse('SETTLEMENT_REPORT_UNREADABLE', ['content'], `The report cannot be read: ${error.message}.`);
    throw error;
  }
}
