import { countUnchained, readChainHead } from '../../../ledger/chain.ts';
import type { Finding } from '../../../ledger/check.ts';
import { readPostingStop, type PostingStop } from '../../../ledger/posting-gate.ts';
import { readProofs } from '../../../ledger/proof-store.ts';
import type { Queryable } from '../../../platform/db.ts';

/** What is known about the books. */
export interface LedgerHealth {
  /** Of the last proof; null before the first. */
  ok: boolean | null;
  lastProvedPosition: string | null;
  lastProvedAt: Date | null;
  chainPosition: string;
  chainHash: string | null;
  unchained: number;
  postingStopped: PostingStop | null;
  findings: Finding[];
}

const MOST_UNCHAINED = 10_000;

export async function ledgerHealth(db: Queryable): Promise<LedgerHealth> {
  const [{ last, lastGood }, head, unchained, postingStopped] = await Promise.all([
    readProofs(db),
    readChainHead(db),
    countUnchained(db, MOST_UNCHAINED),
    readPostingStop(db),
  ]);
  return {
    ok: last?.ok ?? null,
    lastProvedPosition: lastGood?.position.toString() ?? null,
    lastProvedAt: lastGood?.at ?? null,
    chainPosition: head.position.toString(),
    chainHash: head.hash,
    unchained,
    postingStopped,
    findings: last?.findings ?? [],
  };
}
