import { decodeXml } from '../../platform/read-xml.ts';
import { readSettlementReports } from '../settlement/read-settlement-report.ts';
import type { SettlementFeed } from '../settlement/settlement-feed.ts';
import type { SettlementReport } from '../settlement/settlement-report.ts';
import { connectDrop, type DropOptions } from './drop.ts';

/**
 * The bank's own statements: it puts one for each day and currency beside its other files, under camt.053-<day>-<currency>.xml. One that is not
 * there yet is waited for, since a day that was read is not read again.
 */
export function createBankrailSettlements(options: DropOptions): SettlementFeed {
  const drop = connectDrop(options);
  return {
    provider: 'bankrail',
    async readDay(day, { currencies }, signal) {
      const reports: SettlementReport[] = [];
      for (const currency of currencies) {
        const name = `camt.053-${day}-${currency}.xml`;
        const file = await drop.get(name, signal);
        if (file === null) throw new Error(`the bank has not put ${name} there yet`);
        reports.push(...(await readSettlementReports('CAMT053', decodeXml(file))));
      }
      return reports;
    },
  };
}
