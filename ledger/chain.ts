import type { Queryable } from '../platform/db.ts';

/*
 * The chain over the entries: each has a position, 1, 2, 3 …, and a hash over the one before and all that the entry says
 * (prisma/ledger/migrations/*_audit). It is written behind the commit; verify.ts reads it again.
 */

/** Where the chain ends; position 0 and no hash while there is none. */
export interface ChainHead {
  position: bigint;
  /** Hexadecimal. */
  hash: string | null;
}

/** Chains the next entries, at most `limit`, in one short transaction; says how many. None while another process does it. */
export async function extendChain(db: Queryable, limit: number): Promise<number> {
  const { rows } = await db.query<{ chained: number }>({
    name: 'ledger-extend-chain',
    text: 'SELECT ledger.extend_chain($1) AS chained',
    values: [limit],
  });
  return rows[0]!.chained;
}

/** The end of the chain. */
export async function readChainHead(db: Queryable): Promise<ChainHead> {
  const { rows } = await db.query<{ position: string; hash: string }>({
    name: 'ledger-read-chain-head',
    text: `SELECT position, encode(hash, 'hex') AS hash FROM ledger.entry_chain ORDER BY position DESC LIMIT 1`,
  });
  return { position: BigInt(rows[0]?.position ?? 0), hash: rows[0]?.hash ?? null };
}

/** How many entries the chain has not come to yet, counted up to `most`. */
export async function countUnchained(db: Queryable, most: number): Promise<number> {
  const { rows } = await db.query<{ unchained: number }>({
    name: 'ledger-count-unchained',
    // Entries from before the chain have no transaction; they come first, in the order of their ids.
    text: `SELECT count(*)::int AS unchained FROM (
             SELECT FROM ledger.entry e
             LEFT JOIN (SELECT xid, entry_id FROM ledger.entry_chain ORDER BY position DESC LIMIT 1) head ON true
             WHERE CASE WHEN head.xid IS NOT NULL THEN e.xid >= head.xid AND (e.xid, e.id) > (head.xid, head.entry_id)
               ELSE e.xid IS NOT NULL OR head.entry_id IS NULL OR e.id > head.entry_id END
             LIMIT $1) waiting`,
    values: [most],
  });
  return rows[0]!.unchained;
}
