import type { Pool } from 'pg';
import type { Leg, LedgerRefusal } from '../../ledger/entry.ts';
import type { AccountId, TransferId, UserId } from '../../platform/ids.ts';
import type { Logger } from '../../platform/log.ts';
import type { Money } from '../../platform/money.ts';
import type { Assessment } from '../../platform/questions/assess-transfer.ts';

/** One end of a planned transfer inside this bank. */
export interface PlannedEnd {
  accountId: AccountId;
  ownerId: UserId;
  /** For a person; what the other side may read. */
  label: string;
}

/** A transfer that is ready to be posted: parsed, planned and assessed. Nothing of it is stored yet. */
export interface PlannedTransfer {
  transferId: TransferId;
  /** Who asks; the idempotency key counts per user. */
  userId: UserId;
  idempotencyKey: string;
  /** SHA-256 of the normalised input: the same key with another hash is refused. */
  bodyHash: Buffer;
  type: 'INTERNAL';
  amount: Money;
  source: PlannedEnd;
  destination: PlannedEnd;
  description: string | null;
  /** When the request was accepted: the time of the INITIATED step. */
  initiatedAt: Date;
  assessment: Assessment;
  /** The postings, in the order in which they are applied; they sum to zero in every currency. */
  legs: readonly Leg[];
}

/** What became of a planned transfer. Everything but KEY_REUSED is stored with the key and stays so for ever. */
export type Verdict =
  /** Posted now; `at` is the time of the postings and of the COMPLETED step. */
  | { outcome: 'DONE'; transferId: TransferId; at: Date }
  /** Not posted, and never will be under this key. */
  | { outcome: 'REFUSED'; code: LedgerRefusal }
  /** This key was decided before, for another attempt with the same body: read that transfer as it is now. */
  | { outcome: 'REPLAYED'; transferId: TransferId; code: null }
  /** This key was decided before, and the decision was no. */
  | { outcome: 'REPLAYED'; transferId: null; code: LedgerRefusal }
  /** This key stands for another body. */
  | { outcome: 'KEY_REUSED' };

/** Why the poster did not decide at all. The same key may be used again: what then counts is what the books say. */
export type PosterRefusal = 'POSTER_BUSY' | 'POSTER_STOPPED';

export interface Poster {
  /**
   * Posts one transfer and says what became of it. Throws Refusal POSTER_BUSY when too many wait already and POSTER_STOPPED
   * after `stop` (nothing was done, both retryable); any other throw means that it is not known what became of it, and the
   * same key finds out.
   */
  post(planned: PlannedTransfer): Promise<Verdict>;
  /** Takes no more, and resolves when everything taken has its verdict. */
  stop(): Promise<void>;
}

export interface PosterDeps {
  /** The poster's own connections (role dwaybank_transfer), at least `connections` of them. */
  pool: Pool;
  /** Told after every commit. */
  wakeUp: { signal(): void };
  log: Logger;
}
