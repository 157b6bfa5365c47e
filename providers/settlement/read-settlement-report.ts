import { readCamt053Reports } from './read-camt053-report.ts';
import { readJsonReports } from './read-json-report.ts';
import type { SettlementFormat, SettlementReport } from './settlement-report.ts';

/** The reports in a text; throws UnreadableReportError. */
export async function readSettlementReports(format: SettlementFormat, text: string): Promise<SettlementReport[]> {
  switch (format) {
    case 'CAMT053':
      return readCamt053Reports(text);
    case 'JSON':
      return readJsonReports(text);
  }
}
