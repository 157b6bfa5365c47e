import type { Queryable } from '../../../platform/db.ts';
import type { SettlementAccount } from './settlement-store.ts';

/** The books' side of a proof, and what both sides know at the end of a day. Signed as on the statement. */
export interface ProofFigures {
  oursMinor: bigint;
  /** Of what is matched: their lines up to the day less our movements up to it. What is booked on different days passes through here. */
  timingMinor: bigint;
  openLinesMinor: bigint;
  openMovementsMinor: bigint;
}

/** The figures at the end of a day (UTC). */
export async function readProofFigures(
  tx: Queryable,
  { provider, currency }: SettlementAccount,
  day: string,
): Promise<ProofFigures> {
  const { rows } = await tx.query<Record<'ours' | 'timing' | 'open_lines' | 'open_movements', string>>({
    name: 'transfer-settlement-proof-figures',
    text: `WITH movement AS (
             SELECT -p.amount AS amount, EXISTS (SELECT FROM settlement_movement s WHERE s.posting_id = p.id) AS matched
             FROM ledger.account a JOIN ledger.posting p ON p.account_id = a.id
             WHERE a.owner_id IS NULL AND a.kind = 'SETTLEMENT' AND a.provider = $1 AND a.currency = $2
               AND p.at < ($3::date + 1)::timestamp AT TIME ZONE 'UTC'),
           m AS (SELECT coalesce(sum(amount), 0) AS total, coalesce(sum(amount) FILTER (WHERE matched), 0) AS matched FROM movement),
           l AS (SELECT coalesce(sum(amount), 0) AS total, coalesce(sum(amount) FILTER (WHERE match_id IS NOT NULL), 0) AS matched
             FROM settlement_line WHERE provider = $1 AND currency = $2 AND booked_on <= $3)
           SELECT m.total::text AS ours, (l.matched - m.matched)::text AS timing, (l.total - l.matched)::text AS open_lines,
             (m.total - m.matched)::text AS open_movements FROM m, l`,
    values: [provider, currency, day],
  });
  const { ours, timing, open_lines, open_movements } = rows[0]!;
  return {
    oursMinor: BigInt(ours),
    timingMinor: BigInt(timing),
    openLinesMinor: BigInt(open_lines),
    openMovementsMinor: BigInt(open_movements),
  };
}

/** A proof as it is stored. */
export interface StoredProof extends SettlementAccount, ProofFigures {
  day: string;
  theirsMinor: bigint;
}

/** Stores the proof of a day; a later one of the same day replaces it, because more is known then. */
export async function storeProof(tx: Queryable, proof: StoredProof, reportId: string): Promise<void> {
  const { provider, currency, day, oursMinor, theirsMinor, timingMinor, openLinesMinor, openMovementsMinor } = proof;
  await tx.query({
    name: 'transfer-store-settlement-proof',
    text: `INSERT INTO settlement_proof (provider, currency, day, ours, theirs, timing, open_lines, open_movements, report_id)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
           ON CONFLICT (provider, currency, day) DO UPDATE SET ours = excluded.ours, theirs = excluded.theirs, timing = excluded.timing,
             open_lines = excluded.open_lines, open_movements = excluded.open_movements, report_id = excluded.report_id, at = excluded.at`,
    values: [
      ...[provider, currency, day, oursMinor.toString(), theirsMinor.toString(), timingMinor.toString()],
      ...[openLinesMinor.toString(), openMovementsMinor.toString(), reportId],
    ],
  });
}

/** Proofs, the newest day first. */
export async function listProofs(
  db: Queryable,
  { provider, before, limit }: { provider: string | null; before: readonly string[] | null; limit: number },
): Promise<StoredProof[]> {
  const { rows } = await db.query<
    Record<'provider' | 'currency' | 'day' | 'ours' | 'theirs' | 'timing' | 'lines' | 'movements', string>
  >({
    name: 'transfer-list-settlement-proofs',
    text: `SELECT provider, currency, to_char(day, 'YYYY-MM-DD') AS day, ours::text, theirs::text, timing::text, open_lines::text AS lines,
             open_movements::text AS movements
           FROM settlement_proof
           WHERE ($1::text IS NULL OR provider = $1) AND ($2::date IS NULL OR (day, provider, currency) < ($2, $3, $4))
           ORDER BY day DESC, provider DESC, currency DESC LIMIT $5`,
    values: [provider, before?.[0] ?? null, before?.[1] ?? null, before?.[2] ?? null, limit],
  });
  return rows.map(({ ours, theirs, timing, lines, movements, ...row }) => ({
    ...row,
    oursMinor: BigInt(ours),
    theirsMinor: BigInt(theirs),
    timingMinor: BigInt(timing),
    openLinesMinor: BigInt(lines),
    openMovementsMinor: BigInt(movements),
  }));
}

/** Theirs less ours. */
export function differenceOf({ theirsMinor, oursMinor }: StoredProof): bigint {
  return theirsMinor - oursMinor;
}

/** The part of the difference that is known: what both have on different days, and what only one of them has. */
export function explainedOf({ timingMinor, openLinesMinor, openMovementsMinor }: StoredProof): bigint {
  return timingMinor + openLinesMinor - openMovementsMinor;
}

/** How a day ended. */
export function resultOf(proof: StoredProof): 'PROVED' | 'EXPLAINED' | 'UNEXPLAINED' {
  const difference = differenceOf(proof);
  if (difference === proof.timingMinor) return 'PROVED';
  return difference === explainedOf(proof) ? 'EXPLAINED' : 'UNEXPLAINED';
}
