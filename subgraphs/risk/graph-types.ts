import type { TransferId, UserId } from '../../platform/ids.ts';
import type { SubgraphContext } from '../../platform/subgraph.ts';
import type { StoredAlert } from './alert-store.ts';
import type { RiskLoaders } from './loaders.ts';

/** What each resolver of this subgraph is given as its parent. */

export type RiskContext = SubgraphContext<RiskLoaders>;

/** The id may be anybody's: each field asks who the viewer is. */
export interface UserParent {
  id: string;
}

/** A transfer, known by its id alone; null for an id that has not the form of one. */
export interface TransferParent {
  id: string;
  transferId: TransferId | null;
}

/** A statement line, with the transfer behind it as transfer told the gateway: null where there is none, or none for this viewer. */
export interface TransactionParent {
  id: string;
  transferId: TransferId | null;
}

/** An alert as it is stored. */
export type RiskAlertParent = StoredAlert;

/** A person's risk settings; the limits are read when they are asked for. */
export interface RiskProfileParent {
  userId: UserId;
  /** The highest of the last 30 days. */
  score: number;
}
