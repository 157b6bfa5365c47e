import type { PostingId, TransferId, UserId } from '../../platform/ids.ts';
import type { SubgraphContext } from '../../platform/subgraph.ts';
import type { RiskLevel } from './generated/resolvers.ts';
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

/** A statement line, known by its posting. */
export interface TransactionParent {
  id: string;
  postingId: PostingId | null;
}

/** Nothing raises alerts yet: this is the shape they will have. */
export interface RiskAlertParent {
  id: string;
  userId: UserId;
  type: string;
  severity: RiskLevel;
  message: string;
  acknowledgedAt: Date | null;
  transferId: TransferId | null;
  createdAt: Date;
}
