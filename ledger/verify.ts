import { createHash } from 'node:crypto';
import type { Queryable } from '../platform/db.ts';
import type { Finding } from './check.ts';

/*
 * Reads the chain over the entries again and says at which position something is not as it was. What is hashed is written here a second
 * time, on purpose: the function in the database that wrote the chain is not asked.
 */

/** Which part of the chain. */
export interface ChainRange {
  /** The first position; the hash before it is believed. */
  from: bigint;
  /** The last; what is behind it is not looked at. */
  to: bigint;
}

/** What reading a part of the chain again has shown. */
export interface ChainReport {
  /** Positions that were looked at. */
  positions: number;
  /** What cannot be so in books that nobody touched; at most MAX_FINDINGS. */
  findings: Finding[];
  /** What a clock that was wrong explains as well: for a person to look at, and no reason to stop. At most MAX_FINDINGS. */
  warnings: Finding[];
}

/** What verifying everything has shown. */
export interface VerifyReport extends ChainReport {
  /** The end of the chain; note it elsewhere to prove later that nothing up to there was changed. */
  head: { position: bigint; hash: string | null };
  /** Entries that the chain has not come to yet. */
  unchained: number;
}

const MAX_FINDINGS = 100;
/** Positions in one statement: some ten thousand rows, and not more in memory than that. */
const WINDOW = 10_000n;
const GENESIS = Buffer.alloc(32);
/** An entry cannot be older than those before it in the chain by more than a transaction may last, and clocks differ. */
const LATEST_MS = 3_600_000;

interface ChainRow {
  position: string;
  entry_id: string;
  hash: Buffer;
  xid: string | null;
  chained_xid: string | null;
  at: Date | null;
  /** Null when there is no such entry. */
  text: string | null;
}

/* The rows of an entry as they were hashed: JSON without nulls, in Postgres' own order of keys; times in UTC (SET LOCAL below). */
const WINDOW_ROWS = `
  WITH chain AS MATERIALIZED (
    SELECT c.position, c.entry_id, c.hash, c.xid AS chained_xid, e.xid, e.at, to_jsonb(e) AS entry
    FROM ledger.entry_chain c LEFT JOIN ledger.entry e ON e.id = c.entry_id WHERE c.position >= $1 AND c.position < $2
  ), lines AS (
    SELECT entry_id, jsonb_agg(jsonb_strip_nulls(to_jsonb(p)) ORDER BY id)::text AS text FROM ledger.posting p
    WHERE at BETWEEN (SELECT min(at) FROM chain) AND (SELECT max(at) FROM chain) AND entry_id IN (SELECT entry_id FROM chain)
    GROUP BY entry_id
  )
  SELECT chain.position, chain.entry_id, chain.hash, chain.chained_xid, chain.xid, chain.at,
    jsonb_strip_nulls(chain.entry)::text || E'\\n' || coalesce(lines.text, '[]') AS text
  FROM chain LEFT JOIN lines ON lines.entry_id = chain.entry_id ORDER BY chain.position`;

/**
 * Recomputes a part of the chain. Needs a transaction, and leaves its time zone at UTC. A difference is reported once, at its own position: what
 * follows is judged by the hash that is stored there.
 */
export async function verifyChain(
  tx: Queryable,
  { from, to }: ChainRange,
  onProgress: (position: bigint) => void = () => {},
): Promise<ChainReport> {
  await tx.query({ text: `SET LOCAL timezone = 'UTC'` });
  const findings: Finding[] = [];
  const warnings: Finding[] = [];
  const report = (problem: string, position: bigint, detail: string, list = findings): void => {
    if (list.length < MAX_FINDINGS) list.push({ problem, subject: `position ${position}`, detail });
  };
  if (to < from) return { positions: 0, findings, warnings };
  let before = await hashBefore(tx, from);
  if (!before) report('the chain has a gap', from - 1n, 'there is no such position');
  let expected = from;
  let newestMs = 0;
  for (let start = from; start <= to; start += WINDOW) {
    const end = start + WINDOW > to + 1n ? to + 1n : start + WINDOW;
    const { rows } = await tx.query<ChainRow>({ text: WINDOW_ROWS, values: [start, end] });
    for (const row of rows) {
      const position = BigInt(row.position);
      if (position !== expected) {
        report('the chain has a gap', expected, `the next position is ${position}`);
        before = null;
      }
      const problem = judge(row, before);
      if (problem) report(problem, position, `entry ${row.entry_id}`);
      // Times are the database's clock's, and that may have been wrong for a while. From there on is compared with it: told once.
      const datedBack = isDatedBack(row, newestMs);
      if (datedBack)
        report('an entry is dated long before the one before it', position, `entry ${row.entry_id}`, warnings);
      if (row.xid !== null && row.at) newestMs = datedBack ? row.at.getTime() : Math.max(newestMs, row.at.getTime());
      before = row.hash;
      expected = position + 1n;
    }
    onProgress(end - 1n);
  }
  if (expected <= to) report('the chain has a gap', expected, `it should go to ${to}`);
  return { positions: Number(to - from + 1n), findings, warnings };
}

/** What is wrong with one position; null when nothing is. Without a hash before, only the entry's being there is judged. */
function judge(row: ChainRow, before: Buffer | null): string | null {
  if (row.text === null) return 'an entry is missing';
  if (row.xid !== row.chained_xid) return 'an entry is not as it was chained';
  if (!before) return null;
  const hash = createHash('sha256').update(before).update(row.text, 'utf8').digest();
  return hash.equals(row.hash) ? null : 'an entry is not as it was chained';
}

/** Only entries that know their transaction are in the order in which they were written. */
function isDatedBack({ xid, at }: ChainRow, newestMs: number): boolean {
  return xid !== null && at !== null && at.getTime() < newestMs - LATEST_MS;
}

async function hashBefore(tx: Queryable, position: bigint): Promise<Buffer | null> {
  if (position <= 1n) return GENESIS;
  const { rows } = await tx.query<{ hash: Buffer }>({
    text: 'SELECT hash FROM ledger.entry_chain WHERE position = $1',
    values: [position - 1n],
  });
  return rows[0]?.hash ?? null;
}

/* What no position of the chain shows: rows that it does not know, and ends of it that were cut off. */
const OUTSIDE = `
  SELECT 'an entry was put in behind the chain' AS problem, e.id::text AS subject, concat('of ', e.at, ', not chained') AS detail
    FROM ledger.entry e LEFT JOIN ledger.entry_chain c ON c.entry_id = e.id, (SELECT xid, entry_id FROM ledger.entry_chain ORDER BY position DESC LIMIT 1) head
    WHERE c.entry_id IS NULL AND CASE
      WHEN head.xid IS NOT NULL THEN e.xid IS NULL OR (e.xid, e.id) <= (head.xid, head.entry_id)
      ELSE e.xid IS NULL AND e.id <= head.entry_id END
  UNION ALL
  SELECT 'a posting belongs to no entry of its time', p.id::text, concat('entry ', p.entry_id, ', ', p.amount, ' ', p.currency)
    FROM ledger.posting p LEFT JOIN ledger.entry e ON e.id = p.entry_id AND e.at = p.at WHERE e.id IS NULL
  UNION ALL
  SELECT 'the chain is not as an earlier proof saw it', concat('position ', f.position), concat('proof ', f.number, ' of ', f.at)
    FROM ledger.proof f LEFT JOIN ledger.entry_chain c ON c.position = f.position
    WHERE f.position > 0 AND c.hash IS DISTINCT FROM f.hash`;

/**
 * Verifies the chain from a position on, and looks for what the chain cannot show: entries put in behind it, postings of no entry, a chain
 * that was cut off. Call it in a transaction with one snapshot. `anchor` is an end of the chain that was noted elsewhere.
 */
export async function verifyLedger(
  tx: Queryable,
  options: {
    from: bigint;
    anchor: { position: bigint; hash: string } | null;
    onProgress?: (position: bigint, to: bigint) => void;
  },
): Promise<VerifyReport> {
  const { rows: heads } = await tx.query<{ position: string; hash: string; unchained: string }>({
    text: `SELECT coalesce(max(position), 0) AS position,
             (SELECT encode(hash, 'hex') FROM ledger.entry_chain ORDER BY position DESC LIMIT 1) AS hash,
             (SELECT count(*) FROM ledger.entry) - count(*) AS unchained FROM ledger.entry_chain`,
  });
  const { position, hash, unchained } = heads[0]!;
  const to = BigInt(position);
  const chain = await verifyChain(tx, { from: options.from, to }, (done) => options.onProgress?.(done, to));
  const { rows: outside } = await tx.query<Finding>({ text: `${OUTSIDE} LIMIT $1`, values: [MAX_FINDINGS] });
  const findings = [...chain.findings, ...outside];
  if (options.anchor) findings.push(...(await compareAnchor(tx, options.anchor)));
  return {
    positions: chain.positions,
    findings,
    warnings: chain.warnings,
    head: { position: to, hash },
    unchained: Math.max(0, Number(unchained)),
  };
}

async function compareAnchor(tx: Queryable, anchor: { position: bigint; hash: string }): Promise<Finding[]> {
  const { rows } = await tx.query<{ hash: string }>({
    text: `SELECT encode(hash, 'hex') AS hash FROM ledger.entry_chain WHERE position = $1`,
    values: [anchor.position],
  });
  if (rows[0]?.hash === anchor.hash.toLowerCase()) return [];
  const detail = `its hash is ${rows[0]?.hash ?? 'not there'}`;
  return [{ problem: 'the chain is not as it was noted', subject: `position ${anchor.position}`, detail }];
}
