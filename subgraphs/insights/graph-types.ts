import type { ExternalTransactionId, PostingId, UserId } from '../../platform/ids.ts';
import type { SubgraphContext } from '../../platform/subgraph.ts';
import type { Advice } from './advice/advice.ts';
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

/** An outside line, likewise. */
export interface ExternalTransactionParent {
  id: string;
  externalTransactionId: ExternalTransactionId | null;
}

export type InsightParent = Advice;
