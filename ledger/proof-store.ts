import type { Queryable } from '../platform/db.ts';
import type { Finding } from './check.ts';
import type { SettledSum } from './recompute.ts';

/** One proof of the books, as it is kept. */
export interface Proof {
  /** 1, 2, 3 … */
  number: bigint;
  at: Date;
  /** True when nothing was found. */
  ok: boolean;
  /** True when everything was added up from the first entry on. */
  complete: boolean;
  /** The entries of transactions below it are in what was added up. */
  horizon: bigint;
  /** How far the chain was read again, and its hash there. */
  position: bigint;
  hash: string | null;
  /** How far the walk over the older part of the chain has come. */
  reverifiedTo: bigint;
  findings: Finding[];
}

/** What is known from earlier proofs; each null while there is none such. */
export interface EarlierProofs {
  last: Proof | null;
  lastGood: Proof | null;
  /** Proofs since the last good one that was complete; null when there is none. */
  sinceComplete: bigint | null;
}

interface ProofRow {
  number: string;
  at: Date;
  ok: boolean;
  complete: boolean;
  horizon: string;
  position: string;
  hash: string | null;
  reverified_to: string;
  findings: Finding[];
}

const COLUMNS = `number, at, ok, complete, horizon, position, encode(hash, 'hex') AS hash, reverified_to, findings`;

/** The newest proofs. */
export async function readProofs(db: Queryable): Promise<EarlierProofs> {
  const { rows } = await db.query<ProofRow & { role: 'last' | 'good' | 'complete' }>({
    name: 'ledger-read-proofs',
    text: `(SELECT 'last' AS role, ${COLUMNS} FROM ledger.proof ORDER BY number DESC LIMIT 1) UNION ALL
           (SELECT 'good', ${COLUMNS} FROM ledger.proof WHERE ok ORDER BY number DESC LIMIT 1) UNION ALL
           (SELECT 'complete', ${COLUMNS} FROM ledger.proof WHERE ok AND complete ORDER BY number DESC LIMIT 1)`,
  });
  const find = (role: string) => toProof(rows.find((row) => row.role === role));
  const [last, lastGood, complete] = [find('last'), find('good'), find('complete')];
  return { last, lastGood, sinceComplete: last && complete ? last.number - complete.number : null };
}

function toProof(row: ProofRow | undefined): Proof | null {
  if (!row) return null;
  const { number, horizon, position, reverified_to, at, ok, complete, hash, findings } = row;
  return {
    number: BigInt(number),
    horizon: BigInt(horizon),
    position: BigInt(position),
    reverifiedTo: BigInt(reverified_to),
    at,
    ok,
    complete,
    hash,
    findings,
  };
}

/** Keeps a proof; false when another was kept meanwhile, after the one that this began from. */
export async function recordProof(
  tx: Queryable,
  after: bigint,
  proof: Omit<Proof, 'number' | 'at' | 'ok'>,
  sums: readonly SettledSum[],
): Promise<boolean> {
  const { rows } = await tx.query<{ kept: boolean }>({
    name: 'ledger-record-proof',
    text: `SELECT ledger.record_proof($1, $2, $3, $4, decode($5, 'hex'), $6, $7, $8, $9, $10) AS kept`,
    values: [
      after,
      proof.complete,
      proof.horizon,
      proof.position,
      proof.hash,
      proof.reverifiedTo,
      JSON.stringify(proof.findings),
      sums.map(({ accountId }) => accountId),
      sums.map(({ currency }) => currency),
      sums.map(({ total }) => total),
    ],
  });
  return rows[0]!.kept;
}
