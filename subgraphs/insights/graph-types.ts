import type { PostingId, UserId } from '../../platform/ids.ts';
import type { SubgraphContext } from '../../platform/subgraph.ts';
import type { InsightKind } from './generated/resolvers.ts';
import type { InsightsLoaders } from './loaders.ts';

/** What each resolver of this subgraph is given as its parent. */

export type InsightsContext = SubgraphContext<InsightsLoaders>;

/** The id may be anybody's: each field asks who the viewer is. */
export interface UserParent {
  id: string;
}

/** Whoever has one in hand may see this person's insights. */
export interface InsightsParent {
  userId: UserId;
}

/** A statement line, known by its posting; null for an id that has not the form of one. */
export interface TransactionParent {
  id: string;
  postingId: PostingId | null;
}

export interface ExternalTransactionParent {
  id: string;
}

/** Nothing gives advice yet: this is the shape it will have. */
export interface InsightParent {
  id: string;
  kind: InsightKind;
  title: string;
  body: string;
  amount: { amount: string; currency: string } | null;
  confidence: string;
  createdAt: Date;
}
