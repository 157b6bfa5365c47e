import type { Pool } from 'pg';
import type { SystemAccounts } from '../../ledger/system-accounts.ts';
import type { TransferId } from '../../platform/ids.ts';
import type { RatesReader } from '../../platform/rates-projection.ts';
import type { UserError } from '../../platform/refusal.ts';
import type { SubgraphDeps } from '../../platform/subgraph-deps.ts';
import type { ClientOrigin, Viewer } from '../../platform/viewer.ts';
import type { Providers } from '../../providers/providers.ts';
import type { Gate } from './gate.ts';
import type { TransferParent } from './graph-types.ts';
import type { Lookups } from './lookups.ts';
import type { Poster } from './poster.ts';
import type { TransferStore } from './store.ts';

/* What goes into createTransfer beside its input, and what comes out: the same for every kind of transfer. */

export interface CreateTransferDeps extends SubgraphDeps, Pick<Providers, 'cards' | 'payouts'> {
  pool: Pool;
  store: TransferStore;
  lookups: Lookups;
  poster: Poster;
  gate: Gate;
  /** This subgraph's own projection of the exchange rates. */
  rates: RatesReader;
  systemAccount: SystemAccounts;
  /** Rates older than so many days change no money; null: of any age. */
  exchangeMaxAgeDays: number | null;
}

/** Who asks, from where, and how long they wait. */
export interface CreateTransferCall {
  viewer: Viewer;
  origin: ClientOrigin;
  signal: AbortSignal;
}

/** The transfer, or why there is none. */
export interface CreateTransferAnswer {
  transfer: TransferParent | null;
  /** True when this key was decided before. */
  replayed: boolean;
  userErrors: UserError[];
}

/** Nothing was done. */
export function refused(...userErrors: UserError[]): CreateTransferAnswer {
  return { transfer: null, replayed: false, userErrors };
}

/** A repetition shows the transfer as it is now. */
export async function replayOf(
  { store }: Pick<CreateTransferDeps, 'store'>,
  transferId: TransferId,
): Promise<CreateTransferAnswer> {
  const [transfer] = await store.findTransfers([transferId]);
  if (!transfer) throw new Error(`the transfer ${transferId} of an accepted key is missing`);
  return { transfer, replayed: true, userErrors: [] };
}
