import type pg from 'pg';
import { readChainHead } from '../../../ledger/chain.ts';
import type { Finding } from '../../../ledger/check.ts';
import { readPostingStop } from '../../../ledger/posting-gate.ts';
import { readProofs, recordProof, type EarlierProofs, type Proof } from '../../../ledger/proof-store.ts';
import { recompute, type SettledSum } from '../../../ledger/recompute.ts';
import { verifyChain } from '../../../ledger/verify.ts';
import { withTransaction, type Queryable } from '../../../platform/db.ts';
import type { Logger } from '../../../platform/log.ts';
import { POLICY } from '../../../platform/policy.ts';
import { recordDeadLetter } from '../operations/dead-letter-store.ts';
import { THE_BANK } from '../operations/intervention-store.ts';
import { stopPostingOnRecord } from '../operations/switch-posting.ts';

/*
 * One proof of the books:
 *
 *   snapshot     one read-only snapshot: all balances added up a second time, new positions of the chain read again, and some old ones
 *   once more    what began from an earlier proof and found something is done again from the first entry on, and that decides
 *   record       the proof, and with it, when it is bad, the stop of all posting and a CRITICAL letter: all of it or nothing
 *
 * Whatever reads holds no transaction id, so that nobody waits for the oldest open transaction because of it.
 */

/** The kind of its dead letters. */
export const PROOF_LETTER = 'ledger-proof';
/** The kind of letters about entries whose times cannot all be right, while everything else is. */
export const CLOCK_LETTER = 'ledger-clock';

type NewProof = Omit<Proof, 'number' | 'at' | 'ok'>;

/** What proving is wired with. */
export interface ProveLedgerDeps {
  pool: pg.Pool;
  log: Logger;
}

/** Proves the books now and keeps what came of it. Null when another process has done so meanwhile. */
export async function proveLedger(
  deps: ProveLedgerDeps,
  options: { complete?: boolean } = {},
): Promise<NewProof | null> {
  const earlier = await readProofs(deps.pool);
  const complete = options.complete || isCompleteDue(earlier);
  let proved = await proveAtSnapshot(deps.pool, earlier, complete);
  if (proved.proof.findings.length > 0 && !complete) {
    deps.log.warn(
      { findings: proved.proof.findings },
      'a proof of the books found something; adding everything up anew',
    );
    proved = await proveAtSnapshot(deps.pool, earlier, true);
  }
  const { proof, sums } = proved;
  const kept = await withTransaction(deps.pool, async (tx) => {
    if (!(await recordProof(tx, earlier.last?.number ?? 0n, proof, sums))) return false;
    if (proof.findings.length > 0) await stopTheBooks(tx, earlier, proof.findings);
    if (proved.warnings.length > 0) await tellAboutTheClock(tx, proved.warnings);
    return true;
  });
  if (kept && proof.findings.length > 0)
    deps.log.error({ findings: proof.findings }, 'THE BOOKS DO NOT PROVE: posting is stopped');
  return kept ? proof : null;
}

function isCompleteDue({ last, lastGood, sinceComplete }: EarlierProofs): boolean {
  if (!last?.ok || !lastGood || sinceComplete === null) return true;
  return sinceComplete + 1n >= BigInt(POLICY.audit.completeEvery);
}

/** Posting stays stopped for its first reason; once the same trouble has its letter, it is not told again each minute. */
async function stopTheBooks(tx: Queryable, { last }: EarlierProofs, findings: readonly Finding[]): Promise<void> {
  if (last && !last.ok && (await readPostingStop(tx))) return;
  const { problem, subject, detail } = findings[0]!;
  const reason = `The books do not prove: ${problem}, ${subject} (${detail})`;
  await stopPostingOnRecord(tx, { actor: THE_BANK, reason });
  await recordDeadLetter(tx, {
    transferId: null,
    kind: PROOF_LETTER,
    class: 'PERMANENT',
    severity: 'CRITICAL',
    reason,
    details: { findings },
  });
}

/**
 * The database's clock was wrong, or somebody put an entry in with an older date. Nothing that is added up changes by it, and nobody could
 * repair it: a stop would have no way back.
 */
async function tellAboutTheClock(tx: Queryable, warnings: readonly Finding[]): Promise<void> {
  const { problem, subject, detail } = warnings[0]!;
  await recordDeadLetter(tx, {
    transferId: null,
    kind: CLOCK_LETTER,
    class: 'PERMANENT',
    severity: 'HIGH',
    reason: `Was the clock of the database wrong? ${problem}, ${subject} (${detail})`,
    details: { warnings },
  });
}

async function proveAtSnapshot(
  pool: pg.Pool,
  earlier: EarlierProofs,
  complete: boolean,
): Promise<{ proof: NewProof; sums: SettledSum[]; warnings: Finding[] }> {
  return withTransaction(pool, async (tx) => {
    await tx.query({ text: 'SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY' });
    await tx.query({ text: 'SET LOCAL statement_timeout = 0' });
    const since = complete ? null : earlier.lastGood;
    const { findings, horizon, sums } = await recompute(tx, since);
    const { warnings, ...chain } = await verifyParts(tx, earlier);
    const proof = { complete, horizon, ...chain, findings: [...findings, ...chain.findings] };
    return { proof, sums, warnings };
  });
}

/** The positions since the last good proof, and the next part of the old ones; warnings about the new ones alone, so that each is told once. */
async function verifyParts(
  tx: Queryable,
  { lastGood }: EarlierProofs,
): Promise<Pick<NewProof, 'position' | 'hash' | 'reverifiedTo' | 'findings'> & { warnings: Finding[] }> {
  const { newPositions, oldPositions, oldPart } = POLICY.audit;
  const head = await readChainHead(tx);
  const provedTo = lastGood?.position ?? 0n;
  const position = smaller(head.position, provedTo + BigInt(newPositions));
  const fresh = await verifyChain(tx, { from: provedTo + 1n, to: position });
  const oldAfter = lastGood?.reverifiedTo ?? 0n;
  const oldTo = smaller(provedTo, oldAfter + larger(BigInt(oldPositions), provedTo / BigInt(oldPart)));
  const old = await verifyChain(tx, { from: oldAfter + 1n, to: oldTo });
  // At the end the next proof begins at the first position again, also when the chain has grown meanwhile: what is new was read as new.
  const reverifiedTo = oldTo === provedTo ? 0n : oldTo;
  const findings = [...fresh.findings, ...old.findings];
  if (head.position < provedTo) {
    findings.push({
      problem: 'the chain was cut off',
      subject: `position ${head.position}`,
      detail: `a proof has seen it up to ${provedTo}`,
    });
  }
  const hash = position === head.position ? head.hash : await hashAt(tx, position);
  return { position, hash, reverifiedTo, findings, warnings: fresh.warnings };
}

async function hashAt(tx: Queryable, position: bigint): Promise<string | null> {
  const { rows } = await tx.query<{ hash: string }>({
    text: `SELECT encode(hash, 'hex') AS hash FROM ledger.entry_chain WHERE position = $1`,
    values: [position],
  });
  return rows[0]?.hash ?? null;
}

function smaller(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
