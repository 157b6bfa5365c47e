import { isDatabaseLost, sqlState, withRetry } from '../../../platform/db.ts';
import { refused, replayOf, type CreateTransferAnswer, type CreateTransferDeps } from '../call.ts';
import { OutcomeUnknownError } from '../poster.ts';
import { ledgerError, refuse } from '../refusals.ts';
import { asOf } from '../transfer-updated.ts';
import { storeHeld, type HeldTransfer, type HeldVerdict } from './held-store.ts';

/** INITIATED, VALIDATING by identity and by compliance, and BALANCE_RESERVED or HELD_FOR_REVIEW. */
const FIRST_STEPS = 4;

/** Holds the money of a transfer that is planned and assessed, and answers with the transfer as it is then. */
export async function holdMoney(deps: CreateTransferDeps, held: HeldTransfer): Promise<CreateTransferAnswer> {
  const verdict = await store(deps, held);
  switch (verdict.outcome) {
    case 'DONE': {
      deps.wakeUp.signal();
      const { transfer } = await replayOf(deps, verdict.transferId);
      // As this call made it, also where another process has taken its next step already.
      return { transfer: asOf(transfer!, FIRST_STEPS), replayed: false, userErrors: [] };
    }
    case 'REFUSED':
      return refused(ledgerError(verdict.code));
    case 'KEY_REUSED':
      throw refuse('IDEMPOTENCY_KEY_REUSED', ['idempotencyKey']);
    case 'REPLAYED':
      return verdict.transferId === null
        ? { transfer: null, replayed: true, userErrors: [ledgerError(verdict.code)] }
        : replayOf(deps, verdict.transferId);
  }
}

/** SQLSTATE of a lock_timeout: somebody holds this key or account for too long, and nothing was done. */
const LOCK_NOT_AVAILABLE = '55P03';
/** SQLSTATE of the ledger while posting is stopped. */
const POSTING_STOPPED = 'DW010';

async function store({ pool }: CreateTransferDeps, held: HeldTransfer): Promise<HeldVerdict> {
  try {
    return await withRetry(() => storeHeld(pool, held));
  } catch (error) {
    if (sqlState(error) === LOCK_NOT_AVAILABLE) throw refuse('POSTER_BUSY');
    if (sqlState(error) === POSTING_STOPPED) throw refuse('BANK_READ_ONLY');
    // A connection that broke may have committed first: only the key can tell.
    throw isDatabaseLost(error) ? new OutcomeUnknownError(error) : error;
  }
}
