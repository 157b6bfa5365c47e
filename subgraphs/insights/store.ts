import type { Pool } from 'pg';
import { PrismaClient } from '../../prisma/insights/client/client.ts';
import { prismaAdapter } from '../../platform/db.ts';

/** What is shown of one line beside what its owner sees elsewhere. */
export interface StoredCategorisation {
  ownerId: string;
  category: string;
  rule: string;
  /** 0 to 100. */
  confidence: number;
}

/** Single lines by their ids. (Sums and histories: history-store.ts; what listeners write: line-store.ts.) */
export interface InsightsStore {
  findMovements(postingIds: readonly string[]): Promise<Map<string, StoredCategorisation>>;
  findExternalLines(externalTransactionIds: readonly string[]): Promise<Map<string, StoredCategorisation>>;
  close(): Promise<void>;
}

const COLUMNS = { ownerId: true, category: true, rule: true, confidence: true } as const;

export function createInsightsStore(pool: Pool): InsightsStore {
  const prisma = new PrismaClient({ adapter: prismaAdapter(pool, 'insights') });
  return {
    async findMovements(postingIds) {
      const rows = await prisma.movement.findMany({
        where: { postingId: { in: [...postingIds] } },
        select: { postingId: true, ...COLUMNS },
      });
      return new Map(rows.map(({ postingId, ...line }) => [postingId, line]));
    },
    async findExternalLines(externalTransactionIds) {
      const rows = await prisma.externalLine.findMany({
        where: { externalTransactionId: { in: [...externalTransactionIds] } },
        select: { externalTransactionId: true, ...COLUMNS },
      });
      return new Map(rows.map(({ externalTransactionId, ...line }) => [externalTransactionId, line]));
    },
    close: () => prisma.$disconnect(),
  };
}
